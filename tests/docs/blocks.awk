# Turn the code blocks of a Markdown page into a shell script:
#   ```console   lines "$ command" (a trailing \ goes on with the next line) are run
#   ```c NAME, ```yaml NAME, ...   the block is written to the file NAME

/^```/ && !inside {
    inside = 1
    kind = substr($1, 4)
    name = $2
    if (kind != "console" && name != "") {
        printf "cat >'%s' <<'END OF BLOCK'\n", name
    }
    next
}

/^```/ {
    if (kind != "console" && name != "") {
        print "END OF BLOCK"
    }
    inside = more = 0
    next
}

inside && kind == "console" {
    if (/^\$ / || more) {
        line = more ? $0 : substr($0, 3)
        command = command line "\n"
        more = line ~ /\\$/
        if (!more) {
            shown = command
            gsub(/'/, "'\\''", shown)
            printf "line='%s:%d'; printf '\\n%%s: $ %%s' \"$line\" '%s'\n%s", FILENAME, FNR, shown,
                   command
            command = ""
            commands++
        }
    }
    next
}

inside && name != "" { print }

END {
    if (!commands) {
        print "echo 'no command in this page'; exit 1"
    }
}
