# Flags of the kernels: full vectorization, a*b + c fused where the instruction
# set has it, and the instruction set of each file, picked when the program runs.
# Under a sanitizer the same code at -O1: at -O3 one file would compile for minutes.
set(kern_level -O3)
if(ND_SANITIZE)
    set(kern_level -O1)
endif()
set(kern_math ${kern_level} -fno-math-errno -fno-trapping-math -ffp-contract=fast)
set_source_files_properties(src/kern/isa_plain.c PROPERTIES COMPILE_OPTIONS "${kern_math}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set_source_files_properties(src/kern/isa_avx2.c PROPERTIES
        COMPILE_OPTIONS "${kern_math};-mavx2;-mfma")
    set_source_files_properties(src/kern/isa_avx512.c PROPERTIES
        COMPILE_OPTIONS
        "${kern_math};-mavx2;-mfma;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512")
endif()
