# What is built and where it goes: component "native" is include/ and lib/,
# component "peer" is bin/ with the libraries of its own beside it in lib/.

# moltbot_plugins sets out to the backend plug-ins that this configuration builds.
function(moltbot_plugins out)
    set(found "")
    foreach(backend IN LISTS GGML_AVAILABLE_BACKENDS)
        if(TARGET ${backend})
            list(APPEND found ${backend})
        endif()
    endforeach()
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

# moltbot_install_headers takes the C API, and the C++ headers that cgo/chat
# needs: common/ keeps its own folder, as its file names are everyday words.
function(moltbot_install_headers)
    foreach(dir include ggml/include)
        install(DIRECTORY "${LLAMA_CPP_DIR}/${dir}/" DESTINATION include COMPONENT native
                FILES_MATCHING PATTERN "*.h")
    endforeach()
    install(DIRECTORY "${LLAMA_CPP_DIR}/common/" DESTINATION include/common COMPONENT native
            FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
    foreach(vendor nlohmann sheredom)
        install(DIRECTORY "${LLAMA_CPP_DIR}/vendor/${vendor}" DESTINATION include COMPONENT native
                FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
    endforeach()
endfunction()

# moltbot_install defines the targets native and peer and their install rules.
function(moltbot_install)
    moltbot_plugins(plugins)
    set(libraries llama llama-common ggml ggml-base)
    set(tools llama-server llama-bench llama-batched-bench)
    set(tool_libraries llama-server-impl llama-bench-impl llama-batched-bench-impl mtmd)

    add_custom_target(native DEPENDS ${libraries} ${plugins})
    add_custom_target(peer DEPENDS ${tools} ${plugins})

    install(TARGETS ${libraries} ${plugins} LIBRARY DESTINATION lib COMPONENT native)
    install(FILES "${LLAMA_CPP_DIR}/LICENSE" DESTINATION . COMPONENT native)
    moltbot_install_headers()

    # The peer's executables look for plug-ins beside themselves.
    install(TARGETS ${tools} RUNTIME DESTINATION bin COMPONENT peer)
    install(TARGETS ${libraries} ${plugins} ${tool_libraries} LIBRARY DESTINATION bin COMPONENT peer)
endfunction()
