# Which instruction sets of this machine's CPU the ggml kernels can use.
#
# ggml refuses GGML_NATIVE on x86 when its backends are plug-ins, so a build on
# the spot names the features itself. Included by CMakeLists.txt; run by itself
# (cmake -P cpu.cmake) it prints the list, which is part of the cache key.

# ggml's name for a feature, and the words of /proc/cpuinfo that all must be there.
set(MOLTBOT_X86_FEATURES
    "SSE42=sse4_2"
    "AVX=avx"
    "F16C=f16c"
    "FMA=fma"
    "BMI2=bmi2"
    "AVX2=avx2"
    "AVX_VNNI=avx_vnni"
    "AVX512=avx512f,avx512cd,avx512vl,avx512dq,avx512bw"
    "AVX512_VBMI=avx512vbmi"
    "AVX512_VNNI=avx512_vnni"
    "AVX512_BF16=avx512_bf16"
    "AMX_TILE=amx_tile"
    "AMX_INT8=amx_int8")

# moltbot_cpu_words sets out to the feature words that the kernel reports, all
# of them; empty where there is no /proc/cpuinfo.
function(moltbot_cpu_words out)
    set(words "")
    if(EXISTS /proc/cpuinfo)
        file(STRINGS /proc/cpuinfo lines REGEX "^(flags|Features)[ \t]*:" LIMIT_COUNT 1)
        string(REGEX REPLACE "^[^:]*:[ \t]*" "" words "${lines}")
        string(REGEX REPLACE "[ \t]+" ";" words "${words}")
    endif()
    set(${out} "${words}" PARENT_SCOPE)
endfunction()

# moltbot_x86_features sets out to the names of MOLTBOT_X86_FEATURES that this CPU has.
function(moltbot_x86_features out)
    moltbot_cpu_words(words)
    set(found "")
    foreach(feature IN LISTS MOLTBOT_X86_FEATURES)
        string(REGEX MATCH "^([^=]+)=(.*)$" _ "${feature}")
        set(name "${CMAKE_MATCH_1}")
        string(REPLACE "," ";" needed "${CMAKE_MATCH_2}")
        list(REMOVE_ITEM needed ${words})
        if(needed STREQUAL "")
            list(APPEND found ${name})
        endif()
    endforeach()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
    cmake_host_system_information(RESULT platform QUERY OS_PLATFORM)
    if(platform MATCHES "x86_64|AMD64|i686")
        moltbot_x86_features(features)
    else()
        moltbot_cpu_words(features)
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E echo "${platform} ${features}")
endif()
