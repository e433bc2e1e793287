package pipeline

// PageOf is one page of a list.
type PageOf[T any] struct {
	Items []T `json:"items"`
	// Next is the cursor of the next page, "" after the last.
	Next string `json:"next"`
}

// WrongCursor is the error where a cursor is none that a page gave. It matches [ErrUsage].
func WrongCursor() error {
	return &Error{Code: CodeUsage, Message: "the cursor is none that a page gave", Hint: "start again from the first page"}
}

// WalkPages reads a list page by page and calls each with every item, until it returns an
// error.
func WalkPages[T any](read func(cursor string) (PageOf[T], error), each func(T) error) error {
	for cursor := ""; ; {
		page, err := read(cursor)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}
