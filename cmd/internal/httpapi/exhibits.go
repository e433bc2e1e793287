package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"weighbridge/pipeline"
)

type attachIn struct {
	ChangeIn
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte `contentType:"multipart/form-data"`
}

type attached struct {
	Location string `header:"Location" doc:"Where the file can be read."`
	ETag     string `header:"ETag" doc:"The version of the case, for If-Match."`
	Body     attachment
}

type attachment struct {
	Case    pipeline.Case    `json:"case"`
	Exhibit pipeline.Exhibit `json:"exhibit"`
}

// form is a file with the words around it.
type form struct {
	version int64
	name    string
	file    []byte
}

const (
	// mostParts bounds the parts of a form.
	mostParts = 2
	// fieldMax bounds a field that is no file, in bytes.
	fieldMax = 100
)

// parseForm reads a form with one file, and the version where it names one (RFC 7578).
func parseForm(media string, body []byte) (form, error) {
	var out form
	bad := func(message string) (form, error) {
		return form{}, &pipeline.Error{Code: pipeline.CodeInvalid, Message: message, Hint: "send one part named file with a file name, and if need be one named version"}
	}
	_, params, err := mime.ParseMediaType(media)
	if err != nil || params["boundary"] == "" {
		return bad("the form has no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	seen := map[string]bool{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad("the form cannot be read")
		}
		name := part.FormName()
		if seen[name] || len(seen) >= mostParts {
			return bad("the form has more parts than it should")
		}
		seen[name] = true
		limit := int64(fieldMax)
		if name == "file" {
			limit = pipeline.ExhibitMax
		}
		text, err := io.ReadAll(io.LimitReader(part, limit+1))
		switch {
		case err != nil:
			return bad("the form cannot be read")
		case name == "file" && int64(len(text)) > limit:
			return form{}, &pipeline.Error{Code: pipeline.CodeOverLimit, Message: "the evidence file is larger than 25 MB", Hint: "attach the pages that matter, or name where the whole file lies"}
		case name == "file":
			out.name, out.file = part.FileName(), text
		case name == "version":
			if out.version, err = strconv.ParseInt(string(text), 10, 64); err != nil || out.version < 0 {
				return bad("the version is no number")
			}
		default:
			return bad("the form has a part that is not known")
		}
	}
	if !seen["file"] {
		return bad("the form has no file")
	}
	return out, nil
}

func (a *api) attach(ctx context.Context, in *attachIn) (*attached, error) {
	f, err := parseForm(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	by, v, err := a.ready(ctx, in.ChangeIn, f.version)
	if err != nil {
		return nil, err
	}
	c, err := a.o.Service.Queue.Attach(ctx, pipeline.Attachment{Case: in.ID, Version: v, Actor: by, Name: f.name, Body: f.file})
	if err != nil {
		return nil, err
	}
	list, err := a.o.Service.Queue.DB.Exhibits(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	digest := pipeline.DigestBytes(f.file)
	for _, e := range slices.Backward(list) {
		if e.Digest == digest && e.Actor.Same(by) {
			return &attached{Location: Prefix + "/exhibits/" + e.ID.String(), ETag: tag(c.Version), Body: attachment{Case: c, Exhibit: e}}, nil
		}
	}
	return nil, errors.New("the file that was attached is not there")
}

type exhibitIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The evidence file."`
}

func (a *api) exhibit(ctx context.Context, in *exhibitIn) (*fileOut, error) {
	e, body, err := a.o.Service.Queue.DB.ExhibitBody(ctx, in.ID)
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return nil, err
	}
	if err != nil || !a.sees(ctx, e.Case) {
		return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no evidence file " + in.ID.String()}
	}
	media := e.MediaType
	if media == "text/plain" {
		media += "; charset=utf-8"
	}
	return file(media, mime.FormatMediaType("attachment", map[string]string{"filename": e.Name}), body), nil
}

func (a *api) exhibits() {
	upload := kind{files: true}.of(answering(post("/cases/{id}/exhibits", "attach-file", "Attach an evidence file to a case", "PDF, PNG, JPEG or UTF-8 text, by its bytes and not its name; 25 MB at most."), http.StatusCreated))
	least := 0.0
	upload.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject,
		Required: []string{"file"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
			"file":    {Type: huma.TypeString, Format: "binary", Description: "The file, with its name."},
			"version": {Type: huma.TypeInteger, Minimum: &least, Description: "The version of the case that the change is based on, 0 for any."},
		}}}}}
	upload.SkipValidateBody = true
	route(a, upload, a.attach)
	route(a, answers(get("/exhibits/{id}", "read-exhibit", "Read an evidence file", "It is sent as a file to keep, never to be shown by a browser as a page."), "The file.",
		"application/pdf", "image/png", "image/jpeg", "text/plain; charset=utf-8"), a.exhibit)
}
