// Command weighbridge weighs AI models where they lie, judges them by rules, and holds
// the decision of people to the bytes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"weighbridge/cmd/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args, cli.System())
	stop()
	os.Exit(code)
}
