package lineage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"weighbridge/pipeline"
)

// The bounds of a recipe.
const (
	// MaxRecipe is the largest recipe that is read, in bytes. The longest that a merge of
	// hundreds of layers needs has a tenth of that.
	MaxRecipe = 1 << 20
	// MaxModels is how many models one recipe names at most.
	MaxModels = 1000
	// maxDepth bounds how deep lists and mappings may lie in each other.
	maxDepth = 64
	// maxSteps bounds the nodes that are looked at, so that aliases that multiply end.
	maxSteps = 200_000
	// maxDocuments bounds the documents of one file: the steps of a merge in several.
	maxDocuments = 100
	// maxMerged bounds how deep merge keys may lead.
	maxMerged = 8
)

// Model is one model that a recipe names.
type Model struct {
	// Name is as it is written, without revision; Revision is what stands behind "@", "" for
	// none.
	Name, Revision string
	// Where is the path of the value in the recipe, such as "$.models[0].model".
	Where string
}

// Recipe is what a merge was made from.
type Recipe struct {
	// Method is the first merge_method, "" where there is none, as in a recipe of experts.
	Method string
	// Models are the models in the order of the file, each once.
	Models []Model
}

// ParseRecipe reads a recipe of mergekit: merge configurations with models, slices or
// modules (mergekit/config.py), those of a mixture of experts (mergekit/moe/config.py), and
// files of several documents, in which a later one may use what an earlier one made
// (mergekit-multi). What a reference may look like is in mergekit/common.py; all three as of
// 2026-11-25. Keys that it does not know are left alone.
//
// An error matches [pipeline.ErrMalformed] for what is no YAML or names no model, and
// [pipeline.ErrOverLimit] for a file, nesting, aliases or a number of models beyond the
// bounds.
func ParseRecipe(text []byte) (Recipe, error) {
	if len(text) > MaxRecipe {
		return Recipe{}, over("it is longer than 1 MiB")
	}
	p := &parser{left: maxSteps, made: map[string]bool{}}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		return Recipe{}, malformed("it is no YAML")
	}
	for n := 0; ; n++ {
		var root yaml.Node
		err := loader.Load(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Recipe{}, malformed("it is no YAML, or is nested too deep")
		}
		if n == maxDocuments {
			return Recipe{}, over("it holds more than %d documents", maxDocuments)
		}
		where := "$"
		if n > 0 {
			where = "$" + strconv.Itoa(n+1)
		}
		if len(root.Content) == 1 {
			p.document(root.Content[0], where)
		}
		if p.err != nil {
			return Recipe{}, p.err
		}
	}
	p.recipe.Models = slices.DeleteFunc(p.recipe.Models, func(m Model) bool { return p.made[m.Name] })
	if len(p.recipe.Models) == 0 {
		return Recipe{}, malformed("it names no model")
	}
	return p.recipe, nil
}

func over(format string, args ...any) error {
	return &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the merge recipe cannot be read: " + fmt.Sprintf(format, args...)}
}

func malformed(why string) error {
	return &pipeline.Error{Code: pipeline.CodeMalformed, Message: "the merge recipe cannot be read: " + why}
}

// parser walks the nodes of a recipe. Aliases are followed where they stand, so that
// nothing is written out that a bomb could multiply.
type parser struct {
	recipe Recipe
	// made are the names that documents of the file give to what they make.
	made map[string]bool
	left int
	err  error
}

// follow returns what a node stands for, nil where the bounds are reached.
func (p *parser) follow(node *yaml.Node) *yaml.Node {
	for node != nil {
		if p.left--; p.left < 0 {
			if p.err == nil {
				p.err = over("its aliases multiply beyond %d nodes", maxSteps)
			}
			return nil
		}
		if node.Kind != yaml.AliasNode {
			return node
		}
		node = node.Alias
	}
	return nil
}

// child returns the value of a key of a mapping, nil where there is none. Of a key that is
// given twice the last counts, and one of the mapping itself before one that is merged in.
func (p *parser) child(node *yaml.Node, key string, depth int) *yaml.Node {
	if node = p.follow(node); node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var merged, found *yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		switch node.Content[i].Value {
		case key:
			found = node.Content[i+1]
		case "<<":
			merged = node.Content[i+1]
		}
	}
	if found != nil || merged == nil || depth == maxMerged {
		return p.follow(found)
	}
	from := p.follow(merged)
	if from == nil || from.Kind != yaml.SequenceNode {
		return p.child(from, key, depth+1)
	}
	for _, one := range from.Content {
		if value := p.child(one, key, depth+1); value != nil {
			return value
		}
	}
	return nil
}

// each calls f with the elements of a list below a mapping.
func (p *parser) each(node *yaml.Node, key, where string, f func(node *yaml.Node, where string)) {
	list := p.child(node, key, 0)
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for i, one := range list.Content {
		if p.err != nil {
			return
		}
		f(one, fmt.Sprintf("%s.%s[%d]", where, key, i))
	}
}

func (p *parser) document(node *yaml.Node, where string) {
	if name := p.child(node, "name", 0); name != nil && name.Kind == yaml.ScalarNode && name.Value != "" {
		p.made[name.Value] = true
	}
	if method := p.child(node, "merge_method", 0); p.recipe.Method == "" && method != nil && method.Kind == yaml.ScalarNode {
		p.recipe.Method = method.Value
	}
	p.reference(p.child(node, "base_model", 0), where+".base_model")
	p.inputs(node, where)
	if modules := p.child(node, "modules", 0); modules != nil && modules.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(modules.Content) && p.err == nil; i += 2 {
			p.inputs(modules.Content[i+1], where+".modules."+short(modules.Content[i].Value))
		}
	}
	for _, key := range []string{"experts", "shared_experts"} {
		p.each(node, key, where, func(expert *yaml.Node, where string) {
			p.reference(p.child(expert, "source_model", 0), where+".source_model")
		})
	}
}

// inputs reads the models and slices of a document or a module.
func (p *parser) inputs(node *yaml.Node, where string) {
	p.each(node, "models", where, func(one *yaml.Node, where string) {
		p.reference(p.child(one, "model", 0), where+".model")
	})
	p.each(node, "slices", where, func(slice *yaml.Node, where string) {
		p.reference(p.child(slice, "base_model", 0), where+".base_model")
		p.each(slice, "sources", where, func(source *yaml.Node, where string) {
			p.reference(p.child(source, "model", 0), where+".model")
		})
	})
}

// reference reads one reference to a model: "path", "path@revision", either with "+" and the
// same of an adapter, or a mapping of model and lora, each a text or a path and a revision.
func (p *parser) reference(node *yaml.Node, where string) {
	node = p.follow(node)
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode {
		for part := range strings.SplitSeq(node.Value, "+") {
			name, revision, _ := strings.Cut(part, "@")
			p.add(Model{Name: strings.TrimSpace(name), Revision: strings.TrimSpace(revision), Where: where})
		}
		return
	}
	for _, key := range []string{"model", "lora"} {
		value := p.child(node, key, 0)
		path := p.child(value, "path", 0)
		switch {
		case value == nil:
		case value.Kind == yaml.ScalarNode:
			p.reference(value, where+"."+key)
		case path != nil && path.Kind == yaml.ScalarNode:
			m := Model{Name: path.Value, Where: where + "." + key + ".path"}
			if revision := p.child(value, "revision", 0); revision != nil && revision.Kind == yaml.ScalarNode && revision.ShortTag() != "!!null" {
				m.Revision = revision.Value
			}
			p.add(m)
		}
	}
}

func (p *parser) add(m Model) {
	m.Revision = short(m.Revision)
	same := func(o Model) bool { return o.Name == m.Name && o.Revision == m.Revision }
	if m.Name == "" || m.Name == "null" || m.Name == "~" || slices.ContainsFunc(p.recipe.Models, same) {
		return
	}
	if len(p.recipe.Models) == MaxModels {
		p.err = over("it names more than %d models", MaxModels)
		return
	}
	p.recipe.Models = append(p.recipe.Models, m)
}

// short bounds a text that stands in facts, in characters.
func short(text string) string {
	const most = 200
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
