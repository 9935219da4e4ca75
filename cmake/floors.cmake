# The floors of src/, lowest first; a floor sees itself and those before it.
set(ND_FLOORS base kern layer loss net optim data train model doctor lab report job)

# Compile every floor that has files: object library nd_<floor>_objects<suffix>
# and static library nd_<floor><suffix>, which brings the lower floors along.
# Sets ND_BUILT_FLOORS and ND_TOP_FLOOR (the highest library) in the caller.
function(nd_add_floors suffix definitions)
    set(built "")
    set(lower "")
    foreach(floor IN LISTS ND_FLOORS)
        file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${floor}/*.c)
        if(NOT sources)
            continue()
        endif()
        set(objects nd_${floor}_objects${suffix})
        add_library(${objects} OBJECT ${sources})
        target_include_directories(${objects} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                                     ${PROJECT_SOURCE_DIR}/src)
        target_compile_definitions(${objects} PUBLIC ${definitions})
        target_link_libraries(${objects} PUBLIC ${ND_EXTERNAL_${floor}} Threads::Threads m)

        add_library(nd_${floor}${suffix} STATIC $<TARGET_OBJECTS:${objects}>)
        target_include_directories(nd_${floor}${suffix} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                                               ${PROJECT_SOURCE_DIR}/src)
        target_compile_definitions(nd_${floor}${suffix} PUBLIC ${definitions})
        target_link_libraries(nd_${floor}${suffix} PUBLIC ${lower} ${ND_EXTERNAL_${floor}}
                                                          Threads::Threads m)
        set(lower nd_${floor}${suffix})
        list(APPEND built ${floor})
    endforeach()
    set(ND_BUILT_FLOORS ${built} PARENT_SCOPE)
    set(ND_TOP_FLOOR ${lower} PARENT_SCOPE)
endfunction()

# Files that are compiled for one instruction set; a source file's properties hold
# for every target of this folder that compiles it.
include(${PROJECT_SOURCE_DIR}/cmake/kern.cmake)

nd_add_floors("" "")

# Tests with central differences and golden numbers run in double as well.
if(ND_TESTS AND ND_DOUBLE_TESTS AND NOT ND_REAL_DOUBLE AND NOT ND_FUZZ)
    set(float_top ${ND_TOP_FLOOR})
    nd_add_floors(_double ND_REAL_DOUBLE)
    set(ND_TOP_FLOOR_double ${ND_TOP_FLOOR})
    set(ND_TOP_FLOOR ${float_top})
endif()
