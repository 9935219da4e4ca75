# Libraries from the system: Threads::Threads and nd_ext_{yaml,jansson,zlib,cmocka}.
find_package(Threads REQUIRED)
find_package(PkgConfig)

# Make the interface target nd_ext_<name> from pkg-config, or else from the
# header and library where the compiler finds them.
function(nd_external name package header library)
    add_library(nd_ext_${name} INTERFACE)
    if(PkgConfig_FOUND AND package)
        pkg_check_modules(ND_${name} QUIET IMPORTED_TARGET ${package})
        if(ND_${name}_FOUND)
            target_link_libraries(nd_ext_${name} INTERFACE PkgConfig::ND_${name})
            return()
        endif()
    endif()
    find_path(ND_${name}_INCLUDE ${header})
    find_library(ND_${name}_LIBRARY ${library})
    mark_as_advanced(ND_${name}_INCLUDE ND_${name}_LIBRARY)
    if(NOT ND_${name}_INCLUDE OR NOT ND_${name}_LIBRARY)
        message(FATAL_ERROR "${header} or lib${library} not found; run scripts/install-deps.sh")
    endif()
    target_include_directories(nd_ext_${name} SYSTEM INTERFACE ${ND_${name}_INCLUDE})
    target_link_libraries(nd_ext_${name} INTERFACE ${ND_${name}_LIBRARY})
endfunction()

nd_external(yaml yaml-0.1 yaml.h yaml)
nd_external(jansson jansson jansson.h jansson)
nd_external(zlib zlib zlib.h z)
if(ND_TESTS)
    nd_external(cmocka cmocka cmocka.h cmocka)
endif()

# What each floor may use beside C, libm and threads.
set(ND_EXTERNAL_data nd_ext_zlib)
set(ND_EXTERNAL_model nd_ext_jansson nd_ext_zlib)
set(ND_EXTERNAL_report nd_ext_jansson)
set(ND_EXTERNAL_job nd_ext_yaml nd_ext_jansson)
