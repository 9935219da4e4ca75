# What "cmake --install" lays down beside the pages that generated.cmake adds:
# header, libraries, program, pkg-config file and CMake package. All of it finds
# its place from where it lies, so that the installed folder can be moved.
include(CMakePackageConfigHelpers)

if(NOT TARGET nadir_shared)
    return()
endif()

install(FILES ${PROJECT_SOURCE_DIR}/include/nadir.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS nadir_shared nadir_static EXPORT nadirTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET nadir)
    install(TARGETS nadir RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# What a program that links libnadir.a has to link too.
set(ND_PRIVATE_LIBRARIES yaml jansson z m)

set_target_properties(nadir_shared PROPERTIES EXPORT_NAME nadir)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/nadir)
install(EXPORT nadirTargets NAMESPACE nadir:: DESTINATION ${package_folder})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/nadirConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/nadirConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/nadirConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/nadirConfig.cmake
              ${PROJECT_BINARY_DIR}/nadirConfigVersion.cmake DESTINATION ${package_folder})

file(RELATIVE_PATH ND_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
list(TRANSFORM ND_PRIVATE_LIBRARIES PREPEND "-l" OUTPUT_VARIABLE ND_PC_PRIVATE)
list(JOIN ND_PC_PRIVATE " " ND_PC_PRIVATE)
configure_file(${PROJECT_SOURCE_DIR}/cmake/nadir.pc.in ${PROJECT_BINARY_DIR}/nadir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/nadir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
