# One test per case of tests/cli/cases, and one that the runner finds mistakes.
if(NOT TARGET nadir)
    return()
endif()
file(GLOB cases CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/cases/*.case)
foreach(case IN LISTS cases)
    get_filename_component(name ${case} NAME_WE)
    file(STRINGS ${case} float REGEX "^--- float$")
    if(float AND ND_REAL_DOUBLE)
        continue()
    endif()
    add_test(NAME cli_${name}
             COMMAND sh ${PROJECT_SOURCE_DIR}/tests/cli/run.sh $<TARGET_FILE:nadir> ${case})
    nd_test_settings(cli_${name} "cli")
endforeach()
foreach(check runner completion man terminal interrupt)
    add_test(NAME cli_check_${check}
             COMMAND sh ${PROJECT_SOURCE_DIR}/tests/cli/check-${check}.sh $<TARGET_FILE:nadir>)
    nd_test_settings(cli_check_${check} "cli")
    set_tests_properties(cli_check_${check} PROPERTIES SKIP_RETURN_CODE 77)
endforeach()

# Many runs of the program each; these take a count, small where it is slow.
set(kills 20)
set(signals 10)
set(configurations 4)
if(ND_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(kills 2)
    set(signals 2)
    set(configurations 1)
endif()
foreach(check kill:${kills} signals:${signals} threads:${configurations})
    string(REPLACE ":" ";" check ${check})
    list(GET check 0 name)
    list(GET check 1 count)
    add_test(NAME cli_check_${name} COMMAND sh ${PROJECT_SOURCE_DIR}/tests/cli/check-${name}.sh
                                            $<TARGET_FILE:nadir> ${count})
    nd_test_settings(cli_check_${name} "cli")
endforeach()

# Planted defects that "nadir check" must find in the shipped sets.
find_program(ND_PYTHON python3)
if(ND_PYTHON)
    add_test(NAME cli_planted_defects
             COMMAND ${ND_PYTHON} -B ${PROJECT_SOURCE_DIR}/tools/plant_defects.py
                     $<TARGET_FILE:nadir> --data "" --seeds 1)
    nd_test_settings(cli_planted_defects "cli")
endif()

# Faults and power cuts: small tools that the system's calls pass through. They see the
# calls of a plain build; sanitizers have their own.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT ND_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
    add_library(fault MODULE ${PROJECT_SOURCE_DIR}/tests/tools/fault.c)
    target_link_libraries(fault PRIVATE ${CMAKE_DL_LIBS})
    add_executable(powercut ${PROJECT_SOURCE_DIR}/tests/tools/powercut.c)
    set_target_properties(fault powercut PROPERTIES C_VISIBILITY_PRESET default
                          PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests
                          RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    foreach(check faults:fault powercut:powercut)
        string(REPLACE ":" ";" check ${check})
        list(GET check 0 name)
        list(GET check 1 tool)
        add_test(NAME reliability_${name}
                 COMMAND sh ${PROJECT_SOURCE_DIR}/tests/reliability/check-${name}.sh
                         $<TARGET_FILE:nadir> $<TARGET_FILE:${tool}> 1)
        nd_test_settings(reliability_${name} "reliability")
    endforeach()
endif()
