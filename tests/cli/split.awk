# Cut a case into the files of its sections.
/^--- / {
    kind = $2
    if (kind == "file") {
        target = room "/" $3
        printf "" > target
    } else if (kind == "status") {
        print $3 > (part "/status")
        target = ""
    } else if (kind == "float") {
        target = ""
    } else if (kind ~ /^(setup|run|stdout|stderr)$/) {
        target = part "/" kind
        printf "" > target
    } else {
        print FILENAME ": unknown section " kind
        exit 1
    }
    next
}
target != "" { print > target }
