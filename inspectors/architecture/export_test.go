package architecture

import "fmt"

// Layouts names every layout that is known.
func Layouts() (names []string) {
	for _, f := range New().families {
		for _, l := range f.layouts {
			names = append(names, f.name+"/"+l.variant)
		}
	}
	return names
}

// Faults lists layouts that break the rules for layouts.
func Faults() (faults []string) {
	seen := map[string]bool{}
	for _, f := range New().families {
		if seen[f.name] {
			faults = append(faults, f.name+" is there twice")
		}
		seen[f.name] = true
		for _, l := range f.layouts {
			say := func(format string, args ...any) {
				faults = append(faults, fmt.Sprintf("%s/%s: ", f.name, l.variant)+fmt.Sprintf(format, args...))
			}
			if l.anchor == "" {
				say("no tensor stands in a layer")
			}
			tags := map[byte]bool{}
			for _, ln := range l.lines {
				if !l.whole || ln.never {
					continue
				}
				if ln.optional {
					tags[ln.tag] = true
				}
				if ln.unseen || ln.some {
					say("%s is not the same for all layers", ln.names[0])
				}
				for _, d := range ln.dims {
					if d.symbol == anyNumber {
						say("%s has a dimension of any size", ln.names[0])
					}
				}
				if n := numbersIn(ln.names[0]); ln.stack && n > 1 && expertNumber(ln.names[0]) < 1 {
					say("%s counts something that is no expert", ln.names[0])
				}
			}
			if len(tags) > 4 {
				say("%d choices are too many to try", len(tags))
			}
		}
	}
	return faults
}
