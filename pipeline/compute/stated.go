package compute

import (
	"math"

	"weighbridge/pipeline"
)

// stated is an interval as somebody stated it, with what each end rests on.
type stated struct {
	ends    []end
	entries map[string]pipeline.FactEntry
}

// restore finds what was stated of an interval: the fact itself where no estimate has
// taken its place, else what was kept of it. Ends that are no numbers from zero up are
// left out.
func restore(facts *pipeline.FactSet, fact, kept string) stated {
	s := stated{entries: map[string]pipeline.FactEntry{}}
	for _, name := range []string{"lower", "estimate", "upper"} {
		from := fact + "." + name
		entry, known := facts.Entry(from)
		if !known || entry.Basis == pipeline.BasisEstimated {
			from = kept + "." + name
			entry, known = facts.Entry(from)
		}
		value, isNumber := value(facts, from)
		if !known || !isNumber || value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
			continue
		}
		s.ends = append(s.ends, end{name, &value})
		s.entries[name] = entry
	}
	return s
}

func value(facts *pipeline.FactSet, name string) (float64, bool) {
	v, _ := facts.Value(name)
	f, ok := v.(float64)
	return f, ok
}

func (s stated) known() bool { return len(s.ends) > 0 }

// write sets a fact to what was stated, on the grounds on which it was.
func (s stated) write(facts *pipeline.FactSet, fact string) {
	for _, e := range s.ends {
		entry := s.entries[e.name]
		facts.Set(fact+"."+e.name, *e.value, entry.Basis, entry.Evidence...)
	}
}

// hull returns an interval that holds every stated number, whichever end it was stated
// for.
func (s stated) hull() pipeline.Interval {
	var i pipeline.Interval
	for _, e := range s.ends {
		if i.Lower == nil || *e.value < *i.Lower {
			i.Lower = e.value
		}
		if i.Upper == nil || *e.value > *i.Upper {
			i.Upper = e.value
		}
		if e.name == "estimate" {
			i.Estimate = e.value
		}
	}
	return i
}

func (s stated) evidence() []pipeline.Evidence {
	var all []pipeline.Evidence
	for _, e := range s.ends {
		all = append(all, s.entries[e.name].Evidence...)
	}
	return all
}
