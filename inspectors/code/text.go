package code

import (
	"bytes"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"weighbridge/pipeline"
)

// mostText is how much of a text is looked through, in bytes.
const mostText = 1 << 20

// text returns what is looked through of an object.
func (l *looker) text() []byte { return l.head[:min(len(l.head), mostText)] }

// isText reports whether b looks like text in UTF-8 or a code page of one byte: program
// text need not be valid UTF-8 to run.
func isText(b []byte) bool {
	b = b[:min(len(b), 64<<10)]
	if len(b) == 0 || bytes.IndexByte(b, 0) >= 0 {
		return false
	}
	odd := 0
	for _, c := range b {
		if c < 0x20 && !strings.ContainsRune("\t\n\v\f\r\x1b", rune(c)) {
			odd++
		}
	}
	return odd*100 <= len(b)
}

// strong matches lines that only program text has. They begin at the margin: what is
// indented may be quoted.
var strong = []struct {
	language string
	pattern  *regexp.Regexp
}{
	{"Python", regexp.MustCompile(`^(?:import [A-Za-z_][\w.]*(?: as \w+)?(?:, ?[A-Za-z_][\w.]*(?: as \w+)?)*;?|from \.*[\w.]* import [\w(*].*)\s*(?:#.*)?$`)},
	{"Python", regexp.MustCompile(`^(?:async )?def [A-Za-z_]\w*\(.*|^class [A-Za-z_]\w*(?:\([^)]*\))?:\s*(?:#.*)?$|^if __name__ ?==|^(?:exec|eval|__import__)\(`)},
	{"C", regexp.MustCompile(`^#\s*include\s*[<"]|^(?:int|void) main\s*\(|^using namespace \w|^extern "C"|^template\s*<(?:typename|class|int)\b`)},
	{"GPU kernel", regexp.MustCompile(`^(?:extern "C" )?__global__|^__kernel |^kernel void |^\.target\s+sm_\d|^\.version\s+\d+\.\d+$`)},
	{"shell", regexp.MustCompile(`^(?:set -[eux]|export [A-Z_]+=|source \S+\.sh\b|(?:sudo )?(?:pip3?|apt-get|conda) install |(?:exec )?python3? (?:-m \w|\S+\.py\b)|torchrun |accelerate launch )`)},
	{"JavaScript", regexp.MustCompile(`^(?:const|let|var) [\w{][^=]*= (?:require\(|await |async |function\b)|^(?:export )?(?:default )?(?:async )?function\s*\w*\(|^import .* from ['"]|^(?i:<script\b)`)},
	{"PHP", regexp.MustCompile(`^<\?php\b`)},
	{"Go", regexp.MustCompile(`^package [a-z]\w*$|^func (?:\(.*\) )?\w+\(`)},
	{"Java", regexp.MustCompile(`^(?:import|package) [\w.]+(?:\.\*)?;$|^(?:public|private|protected) (?:(?:static|final|abstract) )*(?:class|interface|enum|void) `)},
	{"Rust", regexp.MustCompile(`^(?:pub )?fn \w+[<(]|^use (?:std|crate|super)::`)},
	{"Perl", regexp.MustCompile(`^use strict;`)},
}

// language returns the language of a line that only program text has, or "".
func language(line string) string {
	for _, s := range strong {
		if s.pattern.MatchString(line) {
			return s.language
		}
	}
	return ""
}

// programText tells program text by its lines: by the first that is no comment, or by
// three of them that make a tenth of all. What stands between the fences of Markdown is
// quoted.
func programText(text []byte) (lang string, ok bool) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if lang, ok := shebang(text); ok {
		return lang, true
	}
	var lines, hits int
	var fenced, documented bool
	for raw := range bytes.Lines(text) {
		line := strings.TrimRight(string(raw[:min(len(raw), 400)]), " \t\r\n")
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			fenced = !fenced
			continue
		case fenced, trimmed == "":
			continue
		case strings.Count(trimmed, `"""`)%2 == 1, strings.Count(trimmed, `'''`)%2 == 1:
			documented = !documented
			continue
		case documented, strings.HasPrefix(trimmed, `"""`):
			continue
		}
		if found := language(line); found != "" {
			if lang == "" {
				lang = found
			}
			if lines == 0 {
				return lang, true
			}
			hits++
		} else if comment(line) {
			continue
		}
		lines++
	}
	return lang, hits >= 3 && hits*10 >= lines
}

// comment reports whether a line is a comment in a language that is told, or a heading.
func comment(line string) bool {
	line = strings.TrimSpace(line)
	for _, start := range []string{"#", "//", "/*", "*", "--"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// shebang tells a script by the line that names its interpreter.
func shebang(text []byte) (lang string, ok bool) {
	if !bytes.HasPrefix(text, []byte("#!")) {
		return "", false
	}
	line, _, _ := bytes.Cut(text[:min(len(text), 400)], []byte("\n"))
	command := strings.TrimSpace(string(line[2:]))
	if !strings.HasPrefix(command, "/") && !strings.HasPrefix(command, "env ") {
		return "", false
	}
	words := strings.Fields(command)
	interpreter := path.Base(words[0])
	if interpreter == "env" && len(words) > 1 {
		interpreter = path.Base(words[len(words)-1])
	}
	switch {
	case strings.HasPrefix(interpreter, "python"):
		return "Python", true
	case strings.HasSuffix(interpreter, "sh"):
		return "shell", true
	}
	return "script", true
}

// The words by which program text is known to run a training, prepare its data, or build
// a model. Lines that show an example in a comment do not count.
var (
	example = regexp.MustCompile(`(?m)^\s*(?:>>>|\.\.\.).*$`)
	trains  = regexp.MustCompile(`\.backward\(|optimizer\.(?:step|zero_grad)\(|\b\w*Training(?:Arguments|Config)\(|\b\w*Trainer\(|deepspeed\.initialize\(|torch\.optim\.\w+\(|\boptax\.\w+\(|\bjax\.(?:value_and_)?grad\(|\.fit\(|` +
		`\btorchrun\b|accelerate launch|\bdeepspeed (?:--|\S+\.py)|llamafactory-cli train|\baxolotl[ .](?:cli\.)?train|\btune run\b|\bmergekit-\w+|\bpython3? (?:-m )?\S*(?:train|finetune|sft|dpo)\S*`)
	loadsData = regexp.MustCompile(`\bload_dataset\(|\bread_(?:parquet|json|csv)\(|\bdatasets\.Dataset\b`)
	keepsData = regexp.MustCompile(`\.(?:save_to_disk|to_json|to_parquet|push_to_hub)\(|\bMMapIndexedDataset|\bDataset\.from_`)
	builds    = regexp.MustCompile(`\bnn\.Module\b|\bPreTrainedModel\b|\bPret?rainedConfig\b|\bPreTrainedTokenizer|\bPreTrainedConfig\b|\bkeras\.(?:Model|layers)|\bflax\b|\bhk\.Module|\beqx\.Module|\bModelMixin\b|\bConfigMixin\b|autograd\.Function|\btriton\.jit\b|__global__|\bkernel void\b|\b__kernel\b`)
	needs     = regexp.MustCompile(`(?mi)^\s*["'-]?\s*["']?(?:deepspeed|trl|axolotl|llamafactory|llama-factory|torchtune|nemo[-_]toolkit|megatron[-_]?\w*|unsloth|wandb|tensorboard|mergekit|pytorch-lightning|lightning)\b`)
)

// program looks for program text, by name or by content, and for what it does.
func (l *looker) program() {
	text := example.ReplaceAll(l.text(), nil)
	if what, ok := needsOf(l.name); ok && needs.Match(text) {
		l.add(pipeline.CodeRecord{Side: training, What: what})
	}
	_, named := codeByName(l.name)
	if !named {
		lang, ok := programText(l.text())
		if !ok {
			return
		}
		l.add(pipeline.CodeRecord{Code: true, What: "program text (" + lang + ") under a name that does not say so"})
	}
	l.does(text)
}

// does records what the program text of an object does.
func (l *looker) does(text []byte) {
	if builds.Match(text) {
		l.add(pipeline.CodeRecord{Code: true, Side: structure, What: "program text that builds a model"})
	}
	switch {
	case trains.Match(text):
		l.add(pipeline.CodeRecord{Code: true, Side: training, What: "program text that runs a training"})
	case loadsData.Match(text) && keepsData.Match(text):
		l.add(pipeline.CodeRecord{Code: true, Side: training, What: "program text that prepares data"})
	}
}

// normal returns a path as it is compared: in lower case, without control and format
// characters and without space at its ends, so that "modeling.py\u200b" is what a person
// sees.
func normal(p string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, p))
}

// mostShown is how much of a text from the artifact stands in a fact, in bytes.
const mostShown = 200

// shown returns a text from the artifact as it stands in a fact: short, and without
// characters that hide or turn what is written.
func shown(s string) string {
	if len(s) > mostShown {
		s = strings.ToValidUTF8(s[:mostShown], "") + "…"
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			quoted := strconv.QuoteToASCII(s)
			return quoted[1 : len(quoted)-1]
		}
	}
	return s
}
