package openapitest

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// exchange is a request and its answer; whole tells whether the answer was read
// to its end, which only a stream need not be.
type exchange struct {
	request *http.Request
	asked   string // the request's body; "": none
	answer  *http.Response
	said    string
	whole   bool
}

// check returns what about an exchange isn't as described.
func (d *Description) check(x exchange) error {
	o, ok := d.find(x.request)
	if !ok {
		return d.checkUnknown(x)
	}
	status := strconv.Itoa(x.answer.StatusCode)
	if !slices.Contains(o.Statuses, status) {
		return fmt.Errorf("status %s is not described, but %s", status, o.Statuses)
	}
	response, at := d.resolve(object(o.spec["responses"])[status], append(o.at, "responses", status))
	err := errors.Join(d.checkHeaders(x, response, at), d.checkRequest(x, o))
	if x.request.Method == http.MethodHead {
		return err
	}
	return errors.Join(err, d.checkBody(x, response, at))
}

// checkUnknown checks the answer to what is not described at all: an error in shape.
func (d *Description) checkUnknown(x exchange) error {
	if x.request.Method == http.MethodOptions && x.answer.StatusCode == http.StatusNoContent {
		return nil // it tells the methods that there are
	}
	if x.answer.StatusCode < http.StatusBadRequest {
		return fmt.Errorf("the operation is not described, and answered %d", x.answer.StatusCode)
	}
	if x.answer.Header.Get("X-Request-Id") == "" {
		return errors.New("x-request-id is missing")
	}
	if x.request.Method == http.MethodHead {
		return nil
	}
	shape := "Error"
	if strings.HasPrefix(x.request.URL.Path+"/", "/v1/messages/") {
		shape = "MessageError"
	}
	return d.validate(d.answers, x.said, "components", "schemas", shape)
}

// checkRequest checks that what was served is what is said to be.
func (d *Description) checkRequest(x exchange, o Operation) error {
	if x.answer.StatusCode != http.StatusOK || !o.TakesBody() || x.asked == "" {
		return nil
	}
	if err := d.validate(d.requests, x.asked, append(o.at, "requestBody", "content", "application/json", "schema")...); err != nil {
		return fmt.Errorf("a request was served that is not described: %w", err)
	}
	return nil
}

func (d *Description) checkHeaders(x exchange, response map[string]any, at []string) (all error) {
	for name := range object(response["headers"]) {
		header, at := d.resolve(object(response["headers"])[name], append(at, "headers", name))
		value := x.answer.Header.Get(name)
		if value == "" {
			if header["required"] == true {
				all = errors.Join(all, fmt.Errorf("the header %s is missing", name))
			}
			continue
		}
		if object(header["schema"])["type"] == "string" {
			value = strconv.Quote(value)
		}
		if err := d.validate(d.answers, value, append(at, "schema")...); err != nil {
			all = errors.Join(all, fmt.Errorf("header %s: %w", name, err))
		}
	}
	return all
}

func (d *Description) checkBody(x exchange, response map[string]any, at []string) error {
	given := x.answer.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(given)
	content, ok := object(response["content"])[media].(map[string]any)
	at = append(slices.Clone(at), "content", media)
	switch {
	case !ok:
		return fmt.Errorf("the media type %q is not described (%v)", given, err)
	case media == "text/event-stream":
		return d.checkStream(x, content, append(at, "x-itemSchema"))
	case !x.whole:
		return nil
	case media == "application/json":
		return d.validate(d.answers, x.said, append(at, "schema")...)
	}
	return nil
}

// checkStream checks each event that came whole.
func (d *Description) checkStream(x exchange, content map[string]any, at []string) error {
	end, _ := content["x-end"].(string)
	last := ""
	for block := range strings.SplitAfterSeq(x.said, "\n\n") {
		block, whole := strings.CutSuffix(block, "\n\n")
		if !whole || strings.HasPrefix(block, ": ") {
			continue
		}
		name, data, err := readEvent(block)
		if err == nil && (data != end || end == "") {
			err = d.checkEvent(name, data, at)
		}
		if err != nil {
			return fmt.Errorf("event %.200q: %w", block, err)
		}
		last = data
	}
	if x.whole && last != end && end != "" && !strings.HasPrefix(last, `{"error"`) {
		return fmt.Errorf("the stream ends with %.200q, not with %s", last, end)
	}
	return nil
}

func (d *Description) checkEvent(name, data string, at []string) error {
	if name != "" && !strings.HasPrefix(data, `{"type":"`+name+`"`) {
		return fmt.Errorf("its name is not its type")
	}
	return d.validate(d.answers, data, at...)
}

// readEvent reads the lines of an event.
func readEvent(block string) (name, data string, err error) {
	for line := range strings.SplitSeq(block, "\n") {
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "event" && name == "" && data == "":
			name = value
		case field == "data" && data == "":
			data = value
		default:
			return "", "", fmt.Errorf("the line %.200q does not belong into it", line)
		}
	}
	return name, data, nil
}
