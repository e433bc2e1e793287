package httpapi

import (
	"context"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

type deliveriesIn struct {
	State string `query:"state" enum:"waiting,delivered,dead" doc:"The state of those that are listed; left out, all are."`
	PageIn
}

type deliveryIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The notice."`
}

func (a *api) deliveries() {
	route(a, get("/deliveries", "list-deliveries", "List notices and where they stand", "Newest first."), func(ctx context.Context, in *deliveriesIn) (*pageOut[pipeline.Delivery], error) {
		return paged(a.o.Service.Queue.DB.Deliveries(ctx, pipeline.DeliveryFilter{State: pipeline.DeliveryState(in.State), Cursor: in.Cursor, Limit: in.Limit}))
	})
	route(a, post("/deliveries/{id}/retry", "retry-delivery", "Have a notice tried again now", ""), func(ctx context.Context, in *deliveryIn) (*struct{ Body pipeline.Delivery }, error) {
		if a.o.Retry == nil {
			return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no notice " + in.ID.String(), Hint: "this desk tells nobody anything: an operator names receivers with serve.notices"}
		}
		d, err := a.o.Retry(ctx, in.ID)
		return &struct{ Body pipeline.Delivery }{d}, err
	})
}
