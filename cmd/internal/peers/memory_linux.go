package main

import (
	"os"
	"syscall"
)

// peakMemory returns the most memory that an ended process had in use, in bytes, and
// 0 where that is unknown.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10 // Linux counts it in KiB
}
