# Tests of what is installed: that examples build and run against it, and what the
# library exports. Sanitizers change what a program must link, so not with them.
if(NOT TARGET nadir_shared OR ND_REAL_DOUBLE OR ND_SANITIZE)
    return()
endif()

add_test(NAME install_examples
         COMMAND sh ${PROJECT_SOURCE_DIR}/tests/install/test_install.sh
                 ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${CMAKE_COMMAND} ${CMAKE_C_COMPILER})
nd_test_settings(install_examples "install")

add_test(NAME install_symbols
         COMMAND sh ${PROJECT_SOURCE_DIR}/tests/install/test_symbols.sh
                 ${PROJECT_SOURCE_DIR}/include/nadir.h $<TARGET_FILE:nadir_shared>)
nd_test_settings(install_symbols "install")

if(TARGET nadir)
    add_test(NAME docs_model_file
             COMMAND sh ${PROJECT_SOURCE_DIR}/tests/install/test_model_file_page.sh
                     ${PROJECT_SOURCE_DIR} $<TARGET_FILE:nadir>)
    nd_test_settings(docs_model_file "docs")
    set_tests_properties(docs_model_file PROPERTIES SKIP_RETURN_CODE 77)
endif()
