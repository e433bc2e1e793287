package architecture

import (
	"path"
	"strings"

	"weighbridge/pipeline"
)

// component is the tables under one folder that has a configuration of its own, as the
// sub-folders of a diffusers pipeline have.
type component struct {
	dir     string
	tables  []*pipeline.Table
	configs []pipeline.Config
}

// components sorts tables by the nearest folder above them that declares an
// architecture, in order of the first table. Configurations that have no table of
// their own belong to all there is, where that is one component.
func components(readings *pipeline.Readings) []component {
	var configs []pipeline.Config
	for _, c := range readings.Configs {
		if _, ok := read(c); ok {
			configs = append(configs, c)
		}
	}
	at := map[string]int{}
	var out []component
	for _, t := range readings.Tables {
		if t.Len() == 0 {
			continue
		}
		dir := ""
		for _, c := range configs {
			if d := folder(c.Object); len(d) > len(dir) && strings.HasPrefix(t.Object, d) {
				dir = d
			}
		}
		i, ok := at[dir]
		if !ok {
			i = len(out)
			at[dir] = i
			out = append(out, component{dir: dir})
		}
		out[i].tables = append(out[i].tables, t)
	}
	for _, c := range configs {
		if i, ok := at[folder(c.Object)]; ok {
			out[i].configs = append(out[i].configs, c)
		} else if len(out) == 1 {
			out[0].configs = append(out[0].configs, c)
		}
	}
	return out
}

// folder returns the folder of an object with a slash at its end, "" for the top.
func folder(object string) string {
	if dir := path.Dir(object); dir != "." {
		return dir + "/"
	}
	return ""
}
