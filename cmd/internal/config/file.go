package config

import (
	"os"
	"path/filepath"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"weighbridge/pipeline"
	"weighbridge/pipeline/policy/document"
	"weighbridge/storage/object/s3"
)

// EnvFile names the configuration file.
const EnvFile = "WEIGHBRIDGE_CONFIG"

const fileHint = "The keys are db, server, token_file, actor, packs (modes, files, lists), screening (list, result, date), directives, signers, approvals (key, trust, revocations), audit (checkpoint_every, folder), release (endpoint, region, profile, credentials_file) and serve. Keys of a store never stand here: name a profile, or set them in the environment."

// Rules says which packs take part, and how.
type Rules struct {
	// Modes gives packs that ship, or that Files brings, another mode than their own.
	Modes map[string]pipeline.Mode
	// Files are packs beside those that ship. They enforce where Modes does not say
	// otherwise.
	Files []string
	// Lists are files of lists that take the place of those of the same name.
	Lists []string
}

// file is what a configuration file may say. Paths are from its own folder.
type file struct {
	DB        string `yaml:"db"`
	Server    string `yaml:"server"`
	TokenFile string `yaml:"token_file"`
	Actor     string `yaml:"actor"`
	Packs     struct {
		Modes map[string]string `yaml:"modes"`
		Files []string          `yaml:"files"`
		Lists []string          `yaml:"lists"`
	} `yaml:"packs"`
	Screening struct {
		List   string `yaml:"list"`
		Result string `yaml:"result"`
		Date   string `yaml:"date"`
	} `yaml:"screening"`
	Directives string   `yaml:"directives"`
	Signers    []string `yaml:"signers"`
	Approvals  struct {
		Key         string `yaml:"key"`
		Trust       string `yaml:"trust"`
		Revocations string `yaml:"revocations"`
	} `yaml:"approvals"`
	Audit struct {
		CheckpointEvery string `yaml:"checkpoint_every"`
		Folder          string `yaml:"folder"`
	} `yaml:"audit"`
	// Release has no place for keys: a file that names paths and packs is copied around.
	Release struct {
		Endpoint        string `yaml:"endpoint"`
		Region          string `yaml:"region"`
		Profile         string `yaml:"profile"`
		CredentialsFile string `yaml:"credentials_file"`
	} `yaml:"release"`
	Serve serveFile `yaml:"serve"`
}

// ReadFile fills what no flag gave from a configuration file. An error matches
// [pipeline.ErrUsage] where the file cannot be opened, and [pipeline.ErrInvalid], with
// line and column, where it says what is not understood.
func (s Settings) ReadFile(path string) (Settings, error) {
	f, err := os.Open(path)
	if err != nil {
		return s, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the configuration cannot be opened", Err: err,
			Hint: "name an existing file with --config or " + EnvFile}
	}
	defer func() { _ = f.Close() }()
	doc, err := document.Read(f, filepath.Base(path), fileHint)
	if err != nil {
		return s, err
	}
	var said file
	problems := &document.Problems{Name: doc.Name, Hint: fileHint}
	document.Decode(doc.Root, &said, problems)
	modes := modesOf(doc.Root, said.Packs.Modes, problems)
	every := everyOf(doc.Root, &said, problems)
	if err := s3.CheckEndpoint(said.Release.Endpoint); err != nil {
		// The text is not repeated: it may hold a password.
		problems.Add(document.Child(document.Child(doc.Root, "release"), "endpoint"), "this is no plain URL of a store: write https://host or http://host:port")
	}
	folder := filepath.Dir(path)
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(folder, name)
	}
	s.Serve.read(&said.Serve, doc.Root, beside, problems)
	if err := problems.Err(); err != nil {
		return s, err
	}
	s.chooseDesk(said.Server, beside(said.DB))
	if said.Server != "" && s.Server == said.Server && s.Token == "" {
		// The file's token is for the file's server.
		fill(&s.TokenFile, beside(said.TokenFile))
	}
	fill(&s.Actor, said.Actor)
	for name, mode := range modes {
		if _, given := s.Rules.Modes[name]; !given {
			s.Rules = s.Rules.With(name, mode)
		}
	}
	for _, name := range said.Packs.Files {
		s.Rules.Files = append(s.Rules.Files, beside(name))
	}
	for _, name := range said.Packs.Lists {
		s.Rules.Lists = append(s.Rules.Lists, beside(name))
	}
	if s.Lists.Screening == "" {
		// The date belongs to the list that it was given with.
		s.Lists.Screening = beside(said.Screening.List)
		fill(&s.Lists.ScreeningDate, said.Screening.Date)
	}
	fill(&s.Lists.ScreeningResult, beside(said.Screening.Result))
	fill(&s.Lists.Directives, beside(said.Directives))
	fill(&s.Approvals.Key, beside(said.Approvals.Key))
	fill(&s.Approvals.Trust, beside(said.Approvals.Trust))
	fill(&s.Approvals.Revocations, beside(said.Approvals.Revocations))
	fill(&s.Audit.Folder, beside(said.Audit.Folder))
	s.Audit.CheckpointEvery = every
	fill(&s.Release.Endpoint, said.Release.Endpoint)
	fill(&s.Release.Region, said.Release.Region)
	fill(&s.Release.Profile, said.Release.Profile)
	fill(&s.Release.CredentialsFile, beside(said.Release.CredentialsFile))
	if len(s.Signers) == 0 {
		// Who names signers on the command line means these and no others.
		for _, name := range said.Signers {
			s.Signers = append(s.Signers, beside(name))
		}
	}
	return s, nil
}

// leastEvery is the shortest time between two checkpoints: each reads the whole log.
const leastEvery = time.Minute

// everyOf checks how often a checkpoint is made, 0 for never.
func everyOf(root *yaml.Node, said *file, problems *document.Problems) time.Duration {
	text := said.Audit.CheckpointEvery
	if text == "" {
		return 0
	}
	node := document.Child(document.Child(root, "audit"), "checkpoint_every")
	every, err := time.ParseDuration(text)
	if err != nil || every < leastEvery {
		problems.Add(node, "%q is no time between checkpoints: write one of a minute or more, such as 24h", text)
	}
	if said.Audit.Folder == "" {
		problems.Add(node, "checkpoints need a folder: give audit.folder")
	}
	return every
}

// modesOf checks the modes of packs.
func modesOf(root *yaml.Node, said map[string]string, problems *document.Problems) map[string]pipeline.Mode {
	out := map[string]pipeline.Mode{}
	at := document.Child(document.Child(root, "packs"), "modes")
	for name, text := range said {
		mode, err := ModeOf(text)
		if err != nil {
			problems.Add(document.Child(at, name), "%q is no mode of a pack: it is one of enforce, report, off", text)
			continue
		}
		out[name] = mode
	}
	return out
}

// ModeOf reads the mode of a pack. An error matches [pipeline.ErrUsage].
func ModeOf(text string) (pipeline.Mode, error) {
	switch mode := pipeline.Mode(text); mode {
	case pipeline.ModeEnforce, pipeline.ModeReport, pipeline.ModeOff:
		return mode, nil
	}
	return "", &pipeline.Error{Code: pipeline.CodeUsage, Message: text + " is no mode of a pack", Hint: "use enforce, report or off"}
}

// With returns the settings with another mode of a pack.
func (r Rules) With(name string, mode pipeline.Mode) Rules {
	modes := map[string]pipeline.Mode{name: mode}
	for other, m := range r.Modes {
		if other != name {
			modes[other] = m
		}
	}
	r.Modes = modes
	return r
}
