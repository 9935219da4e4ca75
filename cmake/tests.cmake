# Tests: every tests/unit/<floor>/test_*.c with its floor and the lower ones,
# tests/contract and tests/golden with everything, in float and in double,
# tests/fuzz as replay of the kept inputs, and the rules about the sources.
set(NADIR_DATA "${PROJECT_SOURCE_DIR}/../shared/data" CACHE PATH
    "Folder of the larger data sets; tests that miss one are skipped")

# Properties common to all tests: where data is, and the tree as working folder.
function(nd_test_settings test labels)
    set(environment "NADIR_SOURCE=${PROJECT_SOURCE_DIR}" "NADIR_BUILD=${PROJECT_BINARY_DIR}")
    if(DEFINED ENV{NADIR_DATA})
        list(APPEND environment "NADIR_DATA=$ENV{NADIR_DATA}")
    else()
        list(APPEND environment "NADIR_DATA=${NADIR_DATA}")
    endif()
    if(ND_SANITIZE)
        list(APPEND environment "UBSAN_OPTIONS=print_stacktrace=1")
    endif()
    set_tests_properties(${test} PROPERTIES LABELS "${labels}" TIMEOUT 300 SKIP_RETURN_CODE 77
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} ENVIRONMENT "${environment}")
endfunction()

# A fuzz target defines LLVMFuzzerTestOneInput; replay.c runs it over kept files,
# libFuzzer over files that it makes up.
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_*.c)
foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    string(REPLACE "fuzz_" "" name ${name})
    add_executable(fuzz_${name} ${source})
    set_target_properties(fuzz_${name} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(fuzz_${name} PRIVATE ${ND_TOP_FLOOR})
    if(ND_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
        add_test(NAME fuzz_${name}
                 COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
        nd_test_settings(fuzz_${name} "fuzz")
    endif()
endforeach()
if(ND_FUZZ)
    return()
endif()

# About figures, not about memory or threads, whose calls other programs make too:
# minutes under a sanitizer, which therefore meets them in `make test-all` only.
set(ND_FIGURES contract_precision unit_job_course unit_train_adding_problem
    unit_train_vanishing_gradient)

# One cmocka program from one file.
function(nd_cmocka_test test source library labels)
    add_executable(${test} ${source})
    set_target_properties(${test} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    target_include_directories(${test} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${test} PRIVATE ${library} nd_ext_cmocka m)
    add_test(NAME ${test} COMMAND ${test})
    # The thread sanitizer is asked about programs that have workers or threads.
    file(STRINGS ${source} threads REGEX "nd_ctx_create|nd_pool|pthread_create")
    list(FILTER threads EXCLUDE REGEX "nd_ctx_create\\(&[a-z_.]+, 1\\)")
    if(threads)
        list(APPEND labels threads)
    endif()
    if(test IN_LIST ND_FIGURES)
        list(APPEND labels figures)
    endif()
    nd_test_settings(${test} "${labels}")
endfunction()

foreach(floor IN LISTS ND_BUILT_FLOORS)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${floor}/test_*.c)
    foreach(source IN LISTS sources)
        get_filename_component(name ${source} NAME_WE)
        string(REPLACE "test_" "" name ${name})
        nd_cmocka_test(unit_${floor}_${name} ${source} nd_${floor} "unit;${floor}")
    endforeach()
endforeach()

foreach(kind contract golden)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${kind}/test_*.c)
    foreach(source IN LISTS sources)
        get_filename_component(name ${source} NAME_WE)
        string(REPLACE "test_" "" name ${name})
        nd_cmocka_test(${kind}_${name} ${source} "${ND_TOP_FLOOR}" "${kind}")
        if(ND_DOUBLE_TESTS AND NOT ND_REAL_DOUBLE)
            nd_cmocka_test(${kind}_${name}_double ${source} "${ND_TOP_FLOOR_double}"
                           "${kind};double")
        endif()
    endforeach()
endforeach()

# Rules about the sources themselves.
foreach(rule includes calls pages)
    add_test(NAME rule_${rule}
             COMMAND sh ${PROJECT_SOURCE_DIR}/scripts/check-${rule}.sh ${PROJECT_SOURCE_DIR})
    nd_test_settings(rule_${rule} "rule")
    add_test(NAME rule_${rule}_finds_violations
             COMMAND sh ${PROJECT_SOURCE_DIR}/tests/rules/test-${rule}.sh)
    nd_test_settings(rule_${rule}_finds_violations "rule")
endforeach()

# Every command of the pages that show commands, against the installed program.
if(NOT ND_SANITIZE)
    file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README.md
                                      ${PROJECT_SOURCE_DIR}/docs/*.md)
    foreach(page IN LISTS pages)
        file(STRINGS ${page} console REGEX "^```console")
        if(console)
            get_filename_component(name ${page} NAME_WE)
            add_test(NAME docs_${name}
                     COMMAND sh ${PROJECT_SOURCE_DIR}/tests/docs/run.sh ${PROJECT_BINARY_DIR}
                             ${page})
            nd_test_settings(docs_${name} "docs")
        endif()
    endforeach()
endif()
