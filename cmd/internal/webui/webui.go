// Package webui makes the pages of the review desk: HTML from templates, with one style
// sheet and one small script, all embedded. Pages do what [app.Service] does and nothing
// else; who may ask for one is decided before ([access.Table]), and whether a case is the
// caller's own where it is read.
//
// Every page works without script, for reading and for deciding: forms are sent, and a
// redirect shows what came of them. Script adds what should not reload. There is no inline
// script or style, so that the policy of the desk can forbid both.
//
// Texts that come from artifacts or people are shown escaped, with characters that cannot
// be seen made visible ([report.Clean]). Links that come from them are text. All other
// words are in the catalogue (folder messages), chosen by [Words]. What facts are called
// and what they are comes from the domain in English; other languages have a folder domain
// of their own for that.
package webui

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"

	"weighbridge/cmd/internal/access"
	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
)

// Mux takes handlers. [access.Mux] is one, and knows who may ask for which route.
type Mux interface {
	Handle(pattern string, h http.Handler)
}

// Keys makes and ends what lets programs and people in. [access.Mux] does.
type Keys interface {
	MakeToken(ctx context.Context, who access.Identity, wanted access.Wanted) (pipeline.Token, string, error)
	TokensOf(ctx context.Context, who access.Identity, cursor string, limit int) (pipeline.PageOf[pipeline.Token], error)
	RevokeToken(ctx context.Context, who access.Identity, id uuid.UUID) error
	MakeLink(ctx context.Context, who access.Identity, id uuid.UUID, term time.Duration) (pipeline.Link, string, error)
	EndLinks(ctx context.Context, who access.Identity, id uuid.UUID) (int64, error)
}

// Options say what the pages stand on.
type Options struct {
	Service *app.Service
	Logger  hclog.Logger
	// Location is whose times are shown, UTC where it is nil.
	Location *time.Location
	// PublicURL is how browsers reach the desk, without a slash at the end. It begins the
	// links that people pass on.
	PublicURL string
	// Hooks are the names of the receivers of notices.
	Hooks []string
	// Checkpoint returns the newest checkpoint of the audit log that counts, nil where there
	// is none; the function itself may be nil.
	Checkpoint func(ctx context.Context) (*attest.Checkpoint, error)
	// Retry has a notice sent again. It may be nil where there are no receivers.
	Retry func(ctx context.Context, id uuid.UUID) (pipeline.Delivery, error)
}

// Site is the pages of one desk. It is safe for concurrent use.
type Site struct {
	service   *app.Service
	logger    hclog.Logger
	location  *time.Location
	publicURL string
	hooks     []string
	keys      Keys

	checkpoint func(ctx context.Context) (*attest.Checkpoint, error)
	retry      func(ctx context.Context, id uuid.UUID) (pipeline.Delivery, error)

	languages []*Words
	static    assets
	packs     packCache
	pages     pageSet
	// drafts counts the sources that are looked at for the form of a check.
	drafts atomic.Int32
}

// New returns the pages. An error is a fault of the program: a template or a message that
// does not load.
func New(o Options) (*Site, error) {
	s := &Site{service: o.Service, logger: o.Logger, location: o.Location, publicURL: o.PublicURL, hooks: o.Hooks,
		checkpoint: o.Checkpoint, retry: o.Retry}
	if s.location == nil {
		s.location = time.UTC
	}
	var err error
	if s.languages, err = loadLanguages(); err != nil {
		return nil, err
	}
	if s.static, err = loadAssets(); err != nil {
		return nil, err
	}
	s.pages, err = s.loadPages()
	return s, err
}

// route is one route with what answers it.
type route struct {
	pattern string
	serve   handler
}

// handler answers a request, or returns why it cannot; then [Site.fail] answers.
type handler func(w http.ResponseWriter, r *http.Request) error

// Register registers every page. keys makes tokens and links.
func (s *Site) Register(mux Mux, keys Keys) {
	s.keys = keys
	for _, one := range slices.Concat(s.siteRoutes(), s.queueRoutes(), s.caseRoutes(), s.submitRoutes(), s.checkRoutes(), s.answerRoutes(),
		s.packRoutes(), s.auditRoutes(), s.overviewRoutes(), s.exceptionRoutes(), s.tokenRoutes(), s.noticeRoutes()) {
		mux.Handle(one.pattern, s.answer(one.serve))
	}
}

// siteRoutes are those that belong to no page.
func (s *Site) siteRoutes() []route {
	return []route{
		{"GET /{$}", s.home},
		{"GET /static/", s.serveStatic},
		{"GET /sign-in", s.signIn},
		{"POST /language", s.chooseLanguage},
	}
}

// answer runs a handler.
func (s *Site) answer(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// home sends everybody to where their work is.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/queue", http.StatusSeeOther)
	return nil
}

// now is the desk's clock.
func (s *Site) now() time.Time { return s.service.Now() }
