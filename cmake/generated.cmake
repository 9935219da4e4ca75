# Man pages, shell completion and the page of options, written by the program
# itself from its tables of verbs and options.
if(NOT TARGET nadir)
    return()
endif()
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    message(STATUS "no man pages: they are written by the program, which does not run here")
    return()
endif()

set(folder ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${folder})
set(man_pages "")

# One file from "nadir _write KIND [VERB]".
function(nd_written output)
    separate_arguments(words UNIX_COMMAND "${ARGN}")
    add_custom_command(OUTPUT ${folder}/${output}
        COMMAND sh -c "file=$1; shift; \"$@\" > \"$file.new\" && mv \"$file.new\" \"$file\"" sh
                ${folder}/${output} ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:nadir>
                _write ${words}
        DEPENDS nadir VERBATIM)
endfunction()

nd_written(nadir.1 man)
list(APPEND man_pages ${folder}/nadir.1)
foreach(verb train eval predict inspect check init lr-find cv augment bench)
    nd_written(nadir-${verb}.1 "man ${verb}")
    list(APPEND man_pages ${folder}/nadir-${verb}.1)
endforeach()
nd_written(nadir.bash bash)
nd_written(_nadir zsh)
nd_written(options.md markdown)
add_custom_target(generated ALL
                  DEPENDS ${man_pages} ${folder}/nadir.bash ${folder}/_nadir ${folder}/options.md)

install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${folder}/nadir.bash RENAME nadir
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${folder}/_nadir DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
