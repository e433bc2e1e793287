package review

import (
	"math/big"
	"regexp"
	"strings"
)

// numberPattern finds a number, its exponent and the word behind it: 70,600,000,000
// and 70.6B and "7.06e10 parameters" and "71 billion".
var numberPattern = regexp.MustCompile(`(\d+(?:[,_]\d{3})+|\d+)(\.\d+)?(?:[eE]\+?(\d{1,2})\b)?\s*(\p{L}*)`)

// NamedBound returns the largest whole number of parameters that a comment names. ok
// is false where it names none above zero. Thousands may be parted by commas or
// underscores; k, m, b (or bn) and t, and the words thousand to trillion, multiply.
func NamedBound(comment string) (bound int64, ok bool) {
	for _, m := range numberPattern.FindAllStringSubmatch(comment, -1) {
		digits := strings.NewReplacer(",", "", "_", "").Replace(m[1]) + m[2]
		if m[3] != "" {
			digits += "e" + m[3]
		}
		value, valid := new(big.Rat).SetString(digits)
		if !valid {
			continue
		}
		value.Mul(value, new(big.Rat).SetInt64(multiplier(m[4])))
		whole := new(big.Int).Quo(value.Num(), value.Denom())
		if whole.IsInt64() && whole.Int64() > bound {
			bound, ok = whole.Int64(), true
		}
	}
	return bound, ok
}

func multiplier(unit string) int64 {
	switch strings.ToLower(unit) {
	case "k", "thousand":
		return 1e3
	case "m", "mn", "million":
		return 1e6
	case "b", "bn", "billion":
		return 1e9
	case "t", "tn", "trillion":
		return 1e12
	default:
		return 1
	}
}
