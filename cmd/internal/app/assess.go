package app

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"time"

	"weighbridge/cmd/internal/config"
	"weighbridge/pipeline"
	"weighbridge/pipeline/compute"
	"weighbridge/pipeline/directives"
	"weighbridge/pipeline/licence"
	"weighbridge/pipeline/lineage"
	"weighbridge/pipeline/screening"
)

// assessors lists what draws facts from facts, in the order in which it runs, with the
// operator's lists. Errors match [pipeline.ErrUsage] for a file that cannot be opened, and
// are else those of the loaders.
func (a *App) assessors(lists config.Lists) ([]pipeline.Assessor, error) {
	screen := &screening.Assessor{Now: a.Now}
	made, err := screeningDate(lists)
	if err != nil {
		return nil, err
	}
	if screen.List, err = loadFile(lists.Screening, "screening list", func(r io.Reader, name string) (*screening.List, error) {
		return screening.Load(r, name, made)
	}); err != nil {
		return nil, err
	}
	if screen.Result, err = loadFile(lists.ScreeningResult, "screening result", screening.LoadResult); err != nil {
		return nil, err
	}
	told, err := loadFile(lists.Directives, "file of directives", directives.Load)
	if err != nil {
		return nil, err
	}
	return []pipeline.Assessor{compute.Assessor{}, compute.Data{}, lineage.Assessor{Inventory: a.Inventory}, licence.Assessor{}, lineage.Obligations{}, screen, &directives.Assessor{List: told}}, nil
}

func screeningDate(lists config.Lists) (made time.Time, err error) {
	if lists.ScreeningDate == "" {
		return made, nil
	}
	made, ok := screening.ParseTime(lists.ScreeningDate)
	switch {
	case !ok:
		return made, &pipeline.Error{Code: pipeline.CodeUsage, Message: "--screening-date takes a day as YYYY-MM-DD, or a time as YYYY-MM-DDThh:mm:ssZ"}
	case lists.Screening == "":
		return made, &pipeline.Error{Code: pipeline.CodeUsage, Message: "--screening-date is the date of a list, and none is named",
			Hint: "name it with --screening-list FILE or " + config.EnvScreeningList}
	}
	return made, nil
}

// loadFile loads a file, nil where none is named.
func loadFile[T any](path, what string, load func(r io.Reader, name string) (*T, error)) (*T, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &pipeline.Error{Code: pipeline.CodeUsage, Message: "the " + what + " cannot be opened", Err: err, Hint: "name an existing file"}
	}
	defer func() { _ = f.Close() }()
	return load(bufio.NewReaderSize(f, 1<<20), filepath.Base(path))
}
