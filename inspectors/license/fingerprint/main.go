// Command fingerprint makes a line of fingerprints.tsv from the text of a licence, so that
// the text itself need not be kept:
//
//	go run ./inspectors/license/fingerprint -id LicenseRef-acme-1.0 \
//		-source https://example.org/licence -as-of 2026-11-25 licence.txt >> inspectors/license/fingerprints.tsv
//
// What stands between two lines of "---" at the head of the file is left out.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"weighbridge/inspectors/license"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "fingerprint:", err)
		os.Exit(1)
	}
}

func run(args []string, out, usage io.Writer) error {
	flags := flag.NewFlagSet("fingerprint", flag.ContinueOnError)
	flags.SetOutput(usage)
	id := flags.String("id", "", "SPDX id of the licence, or a LicenseRef")
	source := flags.String("source", "", "where the text was read")
	asOf := flags.String("as-of", "", "when it was read, as YYYY-MM-DD")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("name one file, not %d", flags.NArg())
	}
	text, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	p, err := license.NewPrint(*id, body(text), *source, *asOf)
	if err != nil {
		return fmt.Errorf("make the fingerprint: %w", err)
	}
	_, err = fmt.Fprintln(out, p.Line())
	return err
}

// body returns what follows the front matter.
func body(text []byte) []byte {
	rest, found := bytes.CutPrefix(text, []byte("---\n"))
	if !found {
		return text
	}
	if _, after, closed := bytes.Cut(rest, []byte("\n---\n")); closed {
		return after
	}
	return text
}
