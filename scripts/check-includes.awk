# Program of check-includes.sh.

BEGIN {
    count = split("base kern layer loss net optim data train model doctor lab report job", floor)
    for (i = 1; i <= count; i++) {
        rank[floor[i]] = i
    }
    siblings["layer"] = siblings["loss"] = siblings["optim"] = 1
    # Headers of libraries, and the floors that may use them.
    users["simd"] = " kern "
    users["zlib.h"] = " data model "
    users["jansson.h"] = " model report job "
    users["yaml.h"] = " job "
}

function bad(why)
{
    printf "%s:%d: %s\n", FILENAME, FNR, why
    violations++
}

# The part before the first slash, "" if there is none.
function folder(path)
{
    return index(path, "/") ? substr(path, 1, index(path, "/") - 1) : ""
}

function stem(path)
{
    sub(/.*\//, "", path)
    sub(/\.[a-z]+$/, "", path)
    return path
}

FNR == 1 {
    area = folder(FILENAME)
    own = area == "src" ? folder(substr(FILENAME, 5)) : area
    if (area == "src" && !(own in rank)) {
        bad("folder " own " is not a floor")
    }
}

/^[ \t]*#[ \t]*include/ {
    if (match($0, /"[^"]*"/)) {
        quoted(substr($0, RSTART + 1, RLENGTH - 2))
    } else if (match($0, /<[^>]*>/)) {
        system_header(substr($0, RSTART + 1, RLENGTH - 2))
    }
}

function quoted(header,    floor_of)
{
    if (area == "include") {
        bad("nadir.h includes \"" header "\"; it stands alone")
        return
    }
    if (header == "nadir.h") {
        return
    }
    floor_of = folder(header)
    if (area == "cli" || area == "examples") {
        if (floor_of != "" || area == "examples") {
            bad(area " uses nadir.h alone, not \"" header "\"")
        }
        return
    }
    if (floor_of == "" || !(floor_of in rank)) {
        bad("\"" header "\" is not written as \"floor/name.h\"")
    } else if (rank[floor_of] > rank[own]) {
        bad("floor " own " may not use the higher floor " floor_of)
    } else if (floor_of == own && (own in siblings) && stem(header) != own &&
               header !~ /\.def$/ &&
               stem(header) != stem(FILENAME)) {
        bad("siblings in " own " do not include each other: \"" header "\"")
    }
}

function system_header(header,    key)
{
    key = header
    if (header ~ /^([a-z]*intrin|arm_neon|arm_sve|cpuid)\.h$/) {
        key = "simd"
    }
    # The pool's workers set their processor to flush denormal numbers.
    if (FILENAME == "src/base/fpenv.h" && key == "simd") {
        return
    }
    if (key in users && (area != "src" || !index(users[key], " " own " "))) {
        bad("<" header "> belongs to" users[key] "alone")
    }
}

END { exit violations > 0 }
