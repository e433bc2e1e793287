package webui

import (
	"net/http"
	"slices"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/access"
	"weighbridge/pipeline"
)

func (s *Site) noticeRoutes() []route {
	return []route{
		{"GET /notices", s.showNotices},
		{"POST /notices/{id}/retry", s.retryNotice},
	}
}

const noticesPerPage = 200

// deliveryStates lists the states of deliveries, what a person must look at first.
var deliveryStates = [...]pipeline.DeliveryState{pipeline.DeliveryDead, pipeline.DeliveryWaiting, pipeline.DeliveryDelivered}

// noticesView is the page of notices.
type noticesView struct {
	Hooks  []string
	State  pipeline.DeliveryState
	States []pipeline.DeliveryState
	Rows   []pipeline.Delivery
	// Retries is true for somebody who may have a notice sent again.
	Retries bool
	// First and Next lead to the first and the next page, "" where there is none.
	First, Next string
}

func (s *Site) showNotices(w http.ResponseWriter, r *http.Request) error {
	state := pipeline.DeliveryState(r.URL.Query().Get("state"))
	if !slices.Contains(deliveryStates[:], state) {
		state = ""
	}
	found, err := s.service.Queue.DB.Deliveries(r.Context(), pipeline.DeliveryFilter{State: state, Cursor: r.URL.Query().Get(keyCursor), Limit: noticesPerPage})
	if err != nil {
		return err
	}
	first, next := pagerOf(r, "/notices", found.Next)
	return s.render(w, r, http.StatusOK, "notices", noticesView{Hooks: s.hooks, State: state, States: deliveryStates[:], Rows: found.Items,
		Retries: s.retry != nil && access.Of(r.Context()).Actor.Has(pipeline.RoleAdmin), First: first, Next: next})
}

func (s *Site) retryNotice(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no such notice"}
	}
	if s.retry == nil {
		return &pipeline.Error{Code: pipeline.CodeUsage, Message: "this desk has no receivers of notices", Hint: "the operator names them in the configuration, under serve.notices"}
	}
	if _, err := s.retry(r.Context(), id); err != nil {
		return err
	}
	return s.done(w, r, "/notices", "retried")
}
