package httpapi

import (
	"context"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

type deliveriesIn struct {
	State string `query:"state" enum:"waiting,delivered,dead" doc:"The state of those that are listed; left out, all are."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"The largest number of notices."`
}

type deliveryIn struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The notice."`
}

func (a *api) deliveries() {
	route(a, get("/deliveries", "list-deliveries", "List notices and where they stand", "Newest first."), func(ctx context.Context, in *deliveriesIn) (*itemsOut[pipeline.Delivery], error) {
		list, err := a.o.Service.Queue.DB.Deliveries(ctx, pipeline.DeliveryState(in.State), in.Limit)
		return listed(list), err
	})
	route(a, post("/deliveries/{id}/retry", "retry-delivery", "Have a notice tried again now", ""), func(ctx context.Context, in *deliveryIn) (*struct{ Body pipeline.Delivery }, error) {
		if a.o.Retry == nil {
			return nil, &pipeline.Error{Code: pipeline.CodeNotFound, Message: "there is no notice " + in.ID.String(), Hint: "this desk tells nobody anything: an operator names receivers with serve.notices"}
		}
		d, err := a.o.Retry(ctx, in.ID)
		return &struct{ Body pipeline.Delivery }{d}, err
	})
}
