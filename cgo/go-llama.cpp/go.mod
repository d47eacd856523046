module github.com/go-skynet/go-llama.cpp

go 1.26.0

require github.com/moltbot/moltbot v0.0.0

replace github.com/moltbot/moltbot => ../..
