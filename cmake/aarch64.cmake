# Cross-compiling for 64-bit ARM on Debian or Ubuntu; with qemu-user-static the tests
# run too. Packages: gcc-aarch64-linux-gnu, and after "dpkg --add-architecture arm64"
# libjansson-dev, zlib1g-dev, libyaml-dev and libcmocka-dev, each with :arm64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
find_program(ND_EMULATOR qemu-aarch64-static)
if(ND_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${ND_EMULATOR})
endif()
