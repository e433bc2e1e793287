package screening

import "weighbridge/pipeline"

// Similarity is the similarity of two texts, for tests.
var Similarity = similarity

// Find returns the entries of a list that are like a name, by the index.
func Find(l *List, name string, threshold float64) []pipeline.ScreeningHit {
	hits, _ := l.hits(threshold)(name)
	return hits
}

// FindPlainly returns the same by comparing the name with every name of the list.
func FindPlainly(l *List, name string, threshold float64) []pipeline.ScreeningHit {
	query := compare(Normalise(name))
	best := map[int32]match{}
	for i := range l.Entries {
		for j, n := range l.Entries[i].names() {
			c := &indexed{compare(Normalise(n)), int32(i), int32(j)}
			if c.whole != "" {
				keep(best, c, score(&query, &c.compared), query.whole == c.whole, threshold)
			}
		}
	}
	var hits []pipeline.ScreeningHit
	for _, m := range inOrder(best) {
		e := &l.Entries[m.entry]
		hits = append(hits, pipeline.ScreeningHit{List: e.List, ID: e.ID, Name: e.Name, Alias: e.names()[m.name], Score: m.score, Exact: m.exact})
	}
	return hits
}
