package pipeline

import "strings"

// AppendPattern appends the pattern of a tensor's name to dst: the name with every
// dot-parted piece that is a number replaced by {}. Tensors of all layers, and of all
// experts, share a pattern.
func AppendPattern(dst []byte, name string) []byte {
	for {
		part, rest, more := strings.Cut(name, ".")
		if isNumber(part) {
			dst = append(dst, '{', '}')
		} else {
			dst = append(dst, part...)
		}
		if !more {
			return dst
		}
		dst = append(dst, '.')
		name = rest
	}
}

// Numbers returns the first numeric pieces of a name in order, at most len(into), and
// how many there are: the layer, then the expert. A number above 2^31 counts as none.
func Numbers(name string, into []int) int {
	n := 0
	for n < len(into) {
		part, rest, more := strings.Cut(name, ".")
		if isNumber(part) && len(part) < 10 {
			v := 0
			for i := range len(part) {
				v = v*10 + int(part[i]-'0')
			}
			into[n] = v
			n++
		}
		if !more {
			break
		}
		name = rest
	}
	return n
}

func isNumber(part string) bool {
	if part == "" {
		return false
	}
	for i := range len(part) {
		if part[i] < '0' || part[i] > '9' {
			return false
		}
	}
	return true
}
