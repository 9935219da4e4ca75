# One test per case of tests/cli/cases, and one that the runner finds mistakes.
if(NOT TARGET nadir)
    return()
endif()
file(GLOB cases CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/cli/cases/*.case)
foreach(case IN LISTS cases)
    get_filename_component(name ${case} NAME_WE)
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
