package pipeline

import (
	"net/url"
	"slices"
	"strings"
)

// longestModelID bounds the id of a model, in bytes: hubs take 96 characters a part.
const longestModelID = 200

// hubs lists the hosts whose addresses name models as owner/name, with what stands
// before the owner.
var hubs = map[string]string{
	"huggingface.co": "", "hf.co": "", "hf-mirror.com": "", "modelscope.cn": "models/", "modelscope.ai": "models/",
}

// folders are names that people and programs give to folders, so that "outputs/llama" is
// where somebody's disk holds a model and not who published it.
var folders = []string{
	"ckpt", "ckpts", "checkpoint", "checkpoints", "content", "data", "dist", "experiments", "home", "local", "logs", "merged", "mnt",
	"model", "models", "opt", "out", "output", "outputs", "pretrained", "results", "root", "runs", "save", "saved", "saves", "scratch", "tmp", "usr", "var",
	"weights", "work", "workspace",
}

// ModelID reads the name by which a model is published, as it stands in cards, headers
// and configuration files, and writes it in one way: "owner/name", or a name without an
// owner. It takes the address of a model's page on a hub, and the path of a hub's cache
// ("models--owner--name"), for the id that they hold; what follows the name in an address
// and a revision behind "@" are left out. Letter case is kept: see [ModelKey].
//
// ok is false where the text names no published model: a path on somebody's disk, the
// address of another site, a file, a sentence, nothing, or more than 200 bytes.
func ModelID(text string) (id string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) > 8*longestModelID {
		return "", false
	}
	if id, is := cached(text); is {
		text = id
	}
	text, _ = strings.CutPrefix(text, "hf://")
	if scheme, rest, is := strings.Cut(text, "://"); is {
		if text, ok = onHub(scheme, rest); !ok {
			return "", false
		}
	} else if host, rest, is := strings.Cut(text, "/"); is {
		if _, known := hubs[strings.ToLower(strings.TrimPrefix(host, "www."))]; known {
			if text, ok = onHub("https", host+"/"+rest); !ok {
				return "", false
			}
		}
	}
	text, _, _ = strings.Cut(text, "@")
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "~") {
		return "", false
	}
	text = strings.TrimRight(text, "/")
	if text == "" || len(text) > longestModelID {
		return "", false
	}
	parts := strings.Split(text, "/")
	if len(parts) > 2 {
		return "", false
	}
	for _, part := range parts {
		if !namePart(part) {
			return "", false
		}
	}
	last := strings.ToLower(parts[len(parts)-1])
	if step, is := strings.CutPrefix(last, "checkpoint-"); is && strings.Trim(step, "0123456789") == "" {
		return "", false // where a trainer saves a step
	}
	if len(parts) == 2 && slices.Contains(folders, strings.ToLower(parts[0])) || len(parts) == 1 && slices.Contains(folders, last) {
		return "", false
	}
	return text, true
}

// ModelKey writes an id so that ids of the same model are equal: hubs make no difference
// between upper and lower case. It returns "" for what is no id.
func ModelKey(text string) string {
	id, _ := ModelID(text)
	return strings.ToLower(id)
}

// onHub returns the first two parts of the path of a hub's address.
func onHub(scheme, rest string) (string, bool) {
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return "", false
	}
	before, known := hubs[strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")]
	if !known {
		return "", false
	}
	path, ok := strings.CutPrefix(strings.Trim(u.Path, "/"), before)
	if !ok {
		return "", false
	}
	parts := strings.Split(path, "/")
	if slices.Contains([]string{"datasets", "spaces", "papers", "blog", "docs", "collections"}, parts[0]) {
		return "", false
	}
	parts = parts[:min(len(parts), 2)]
	if len(parts) == 2 {
		parts[1] = strings.TrimSuffix(parts[1], ".git")
	}
	return strings.Join(parts, "/"), true
}

// cached returns the id in a path of a hub's cache.
func cached(path string) (string, bool) {
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		rest, is := strings.CutPrefix(part, "models--")
		if !is {
			continue
		}
		return strings.Replace(rest, "--", "/", 1), true
	}
	return "", false
}

// namePart tells whether a part of an id has only letters, digits, dots, dashes and
// underscores, begins with none of the marks, and is no file.
func namePart(part string) bool {
	if part == "" || strings.Contains(part, "..") || strings.ContainsRune(".-", rune(part[0])) {
		return false
	}
	for i := range len(part) {
		c := part[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	lower := strings.ToLower(part)
	return !slices.ContainsFunc([]string{".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".json", ".yml", ".yaml", ".md"},
		func(end string) bool { return strings.HasSuffix(lower, end) })
}
