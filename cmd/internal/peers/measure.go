package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// program is one of those that are compared.
type program struct {
	name    string
	command []string
	env     []string
	// counts returns what the program's server was asked since the last call.
	counts func() (requests, bytes int64)
	// parameters finds the count in what the program wrote.
	parameters func(stdout []byte) (int64, error)
}

// measured is one run of a program.
type measured struct {
	wall       time.Duration
	processor  time.Duration // user and system
	memory     int64         // peak, in bytes; 0 where the system does not tell
	requests   int64
	bytes      int64
	parameters int64
}

// wholeReport is the status with which check ends for a model that a person must
// look at: the report is as whole as with status 0.
const wholeReport = 10

// measure runs the program once.
func (p program) measure(ctx context.Context) (measured, error) {
	p.counts() // begin anew
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.command[0], p.command[1:]...) //nolint:gosec // the list is in this package
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	wall := time.Since(started)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == wholeReport) {
		return measured{}, fmt.Errorf("%w: %s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	m := measured{wall: wall, processor: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), memory: peakMemory(cmd.ProcessState)}
	m.requests, m.bytes = p.counts()
	m.parameters, err = p.parameters(stdout.Bytes())
	return m, err
}

func parametersOfReport(stdout []byte) (int64, error) {
	var r struct {
		Facts struct {
			Params struct{ Estimate *int64 }
		}
	}
	if err := json.Unmarshal(stdout, &r); err != nil {
		return 0, err
	}
	if r.Facts.Params.Estimate == nil {
		return 0, errors.New("the report has no count")
	}
	return *r.Facts.Params.Estimate, nil
}

func parametersOfPeer(stdout []byte) (int64, error) {
	var r struct{ Parameters int64 }
	err := json.Unmarshal(stdout, &r)
	return r.Parameters, err
}
