package sqldb

import (
	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// firstPage is what every id comes before.
const firstPage = "~"

// idBefore is the id that a page of the newest comes after, by its cursor.
func idBefore(cursor string) (string, error) {
	if cursor == "" {
		return firstPage, nil
	}
	id, err := uuid.Parse(cursor)
	if err != nil {
		return "", pipeline.WrongCursor()
	}
	return id.String(), nil
}

// pageOf makes a page of rows, of which one more was asked for than the page has. cursor
// names an item as the last of its page.
func pageOf[R, T any](rows []R, limit int, from func(R) (T, error), cursor func(T) string) (pipeline.PageOf[T], error) {
	more := len(rows) > limit
	items, err := all(rows[:min(len(rows), limit)], from)
	page := pipeline.PageOf[T]{Items: items}
	if err == nil && more {
		page.Next = cursor(items[limit-1])
	}
	return page, err
}
