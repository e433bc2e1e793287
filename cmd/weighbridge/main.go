// Command weighbridge weighs AI models where they lie, judges them by rules, and holds
// the decision of people to the bytes.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"weighbridge/cmd/internal/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// Headers are read, folded and thrown away: a smaller heap costs little time.
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args, cli.System())
	stop()
	os.Exit(code)
}
