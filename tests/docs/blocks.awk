# Turn the code blocks of a Markdown page into a shell script:
#   ```console   lines "$ command" (a trailing \ goes on with the next line) are run;
#                the lines below a command are what it must print (match.awk)
#   ```c NAME, ```yaml NAME, ...   the block is written to the file NAME

function quoted(text) {
    gsub(/'/, "'\\''", text)
    return "'" text "'"
}

# End of a command and of the output shown below it.
function finish() {
    if (command == "") {
        return
    }
    printf "line=%s; printf '\\n%%s: $ %%s' \"$line\" %s\n", quoted(where), quoted(command)
    printf "cat >\"$scratch/shown\" <<'END OF BLOCK'\n%sEND OF BLOCK\n", output
    printf "{\n%s} >\"$scratch/got\" 2>&1\ncat \"$scratch/got\"\n", command
    printf "awk -f \"$match\" \"$scratch/shown\" \"$scratch/got\"\n"
    command = output = ""
    commands++
}

/^```/ && !inside {
    inside = 1
    kind = substr($1, 4)
    name = $2
    if (kind != "console" && name != "") {
        printf "cat >%s <<'END OF BLOCK'\n", quoted(name)
    }
    next
}

/^```/ {
    if (kind == "console") {
        finish()
    } else if (name != "") {
        print "END OF BLOCK"
    }
    inside = more = 0
    next
}

inside && kind == "console" {
    if (/^\$ / && !more) {
        finish()
        where = FILENAME ":" FNR
        command = substr($0, 3) "\n"
        more = /\\$/
    } else if (more) {
        command = command $0 "\n"
        more = /\\$/
    } else {
        output = output $0 "\n"
    }
    next
}

inside && name != "" { print }

END {
    if (!commands) {
        print "echo 'no command in this page'; exit 1"
    }
}
