# Counts from what ctest printed and its LastTest.log: programs, and the cmocka tests
# in them.

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    programs++
    if (/\*\*\*Skipped/) {
        skipped_programs++
    } else if (!/ Passed +[0-9.]+ sec/) {
        bad++
    }
}
/\[  PASSED  \] [0-9]+ test\(s\)/ { passed += number($0) }
/\[  FAILED  \] [0-9]+ test\(s\)/ { failed += number($0) }
/\[  SKIPPED \] [0-9]+ test\(s\)/ { skipped += number($0) }

function number(line)
{
    sub(/^.*\] /, "", line)
    return line + 0
}

END {
    printf "%d programs, %d failed, %d skipped; cases in them: %d passed, %d failed, %d skipped\n",
           programs, bad, skipped_programs, passed, failed, skipped
}
