package submission

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"weighbridge/pipeline/vocabulary"
)

// Fault names what is wrong with a value, for those who say it in words of their own.
type Fault string

// The faults of values. Every [vocabulary.Form] is one too: the value does not have it.
const (
	FaultEmpty     Fault = "empty"
	FaultTooLong   Fault = "too_long"
	FaultControl   Fault = "control"
	FaultDirection Fault = "direction"
	FaultInvisible Fault = "invisible"
	// FaultNumber is no number, or no whole one where that is asked for.
	FaultNumber   Fault = "number"
	FaultNegative Fault = "negative"
	FaultTooLarge Fault = "too_large"
	// FaultWord is none of the words that it may be.
	FaultWord Fault = "word"
	// FaultUpper is a range without its upper end, FaultOrder an end below the one before.
	FaultUpper Fault = "upper"
	FaultOrder Fault = "order"
)

var textFaults = map[Fault]string{
	FaultEmpty:     "this text is empty: leave the key out where the answer is not known",
	FaultTooLong:   "this text is longer than 10,000 characters",
	FaultControl:   "this text holds a control character",
	FaultDirection: "this text holds a character that turns the direction of writing, so that it shows as another text",
	FaultInvisible: "this text holds nothing that can be seen",
}

func faultOfText(text string) Fault {
	switch {
	case strings.TrimSpace(text) == "":
		return FaultEmpty
	case utf8.RuneCountInString(text) > maxText:
		return FaultTooLong
	case strings.ContainsFunc(text, isControl):
		return FaultControl
	case strings.ContainsFunc(text, isDirection):
		return FaultDirection
	case !strings.ContainsFunc(text, isVisible):
		return FaultInvisible
	}
	return ""
}

// FaultOf returns what [Load] would find wrong with one value of a field, "" where that is
// nothing. What one value makes of another is not looked at.
func FaultOf(f vocabulary.Field, value string) Fault {
	if fault := faultOfText(value); fault != "" {
		return fault
	}
	switch f.Kind {
	case vocabulary.Whole, vocabulary.Number:
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil || math.IsNaN(n) || math.IsInf(n, 0) || f.Kind == vocabulary.Whole && n != math.Trunc(n):
			return FaultNumber
		case n < 0:
			return FaultNegative
		case f.Kind == vocabulary.Whole && n >= math.MaxInt64 || f.Bounded() && n > f.Max:
			return FaultTooLarge
		}
	case vocabulary.Text, vocabulary.Texts:
		switch {
		case textOf(f, value, "") == "":
		case f.Words != nil:
			return FaultWord
		default:
			return Fault(f.Is)
		}
	}
	return ""
}
