# Compiler flags of everything in this tree.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wvla -Wundef)

# Errors where the warnings are known: other versions find other false ones, and
# those should not stop anybody from building.
set(known_gcc 12)
set(known_clang 14)
string(REGEX MATCH "^[0-9]+" major "${CMAKE_C_COMPILER_VERSION}")
set(werror OFF)
if((CMAKE_C_COMPILER_ID STREQUAL "GNU" AND major EQUAL known_gcc) OR
   (CMAKE_C_COMPILER_ID STREQUAL "Clang" AND major EQUAL known_clang))
    set(werror ON)
endif()
option(ND_WERROR "Warnings are errors" ${werror})
if(ND_WERROR)
    add_compile_options(-Werror)
endif()

# The same bits from every compiler: a*b+c is fused only where a kernel asks for it.
add_compile_options(-ffp-contract=off)

if(ND_REAL_DOUBLE)
    add_compile_definitions(ND_REAL_DOUBLE)
endif()

# Instrumented code hides the ranges of numbers from gcc's format-truncation.
if(ND_SANITIZE)
    add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
    add_compile_options(-fsanitize=${ND_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${ND_SANITIZE})
endif()

if(ND_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(ND_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
