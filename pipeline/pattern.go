package pipeline

import "strings"

// AppendPattern appends the pattern of a tensor's name to dst: the name with every
// dot-parted piece that is a number replaced by {}. Tensors of all layers, and of all
// experts, share a pattern.
func AppendPattern(dst []byte, name string) []byte {
	done := 0
	for {
		start, end, ok := nextNumber(name, done)
		if !ok {
			return append(dst, name[done:]...)
		}
		dst = append(dst, name[done:start]...)
		dst = append(dst, '{', '}')
		done = end
	}
}

// Numbers returns the first numeric pieces of a name in order, at most len(into), and
// how many there are: the layer, then the expert. A number above 2^31 counts as none.
func Numbers(name string, into []int) int {
	n := 0
	for done := 0; n < len(into); {
		start, end, ok := nextNumber(name, done)
		if !ok {
			break
		}
		if end-start < 10 {
			v := 0
			for i := start; i < end; i++ {
				v = v*10 + int(name[i]-'0')
			}
			into[n] = v
			n++
		}
		done = end
	}
	return n
}

// nextNumber returns where the next piece that is a number begins and ends. from is
// where a piece begins, or the end of one.
func nextNumber(name string, from int) (start, end int, ok bool) {
	for start = from; start < len(name); {
		end = start
		for end < len(name) && name[end]-'0' <= 9 {
			end++
		}
		if end > start && (end == len(name) || name[end] == '.') {
			return start, end, true
		}
		dot := strings.IndexByte(name[end:], '.')
		if dot < 0 {
			break
		}
		start = end + dot + 1
	}
	return 0, 0, false
}
