# What is shipped: libnadir, static and shared, and the program.
set(objects "")
set(external Threads::Threads m)
foreach(floor IN LISTS ND_BUILT_FLOORS)
    list(APPEND objects $<TARGET_OBJECTS:nd_${floor}_objects>)
    list(APPEND external ${ND_EXTERNAL_${floor}})
endforeach()
list(REMOVE_DUPLICATES external)

if(objects)
    add_library(nadir_static STATIC ${objects})
    add_library(nadir_shared SHARED ${objects})
    set_target_properties(nadir_static nadir_shared PROPERTIES OUTPUT_NAME nadir)
    set_target_properties(nadir_shared PROPERTIES VERSION ${PROJECT_VERSION}
                                                  SOVERSION ${PROJECT_VERSION_MAJOR})
    # The handler of base/mapped.c stays in the process.
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        target_link_options(nadir_shared PRIVATE -Wl,-z,nodelete)
    endif()
    foreach(library nadir_static nadir_shared)
        target_include_directories(${library} PUBLIC
            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endforeach()
    target_link_libraries(nadir_static PUBLIC "$<BUILD_INTERFACE:${external}>")
    target_link_libraries(nadir_shared PRIVATE "$<BUILD_INTERFACE:${external}>")
    add_library(nadir::nadir ALIAS nadir_shared)
    add_library(nadir::static ALIAS nadir_static)
endif()

file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
if(cli_sources AND objects)
    add_executable(nadir ${cli_sources})
    target_include_directories(nadir PRIVATE ${PROJECT_SOURCE_DIR}/cli)
    target_link_libraries(nadir PRIVATE nadir_static)
endif()
