package main

// benignText are strings of honest API responses, as single values; benignWords are their slots. Some are of the kind
// that is easily mistaken: names with apostrophes, prose with the words of SQL and shells, addresses with parameters.
var benignText = []string{
	"{person}", "{person}", "{street}", "{sentence}", "{sentence} {sentence}", "{url}", "{email}", "{uuid}", "{date}", "{sku}", "{phone}", "{status}", "{commit}", "{markdown}", "{agent}", "{hash}", "{price}", "{path}",
}

var benignWords = map[string][]string{
	"person": {"{first} {last}", "{last}, {first}", "Dr. {first} {last}-{last}"}, "first": {"Ada", "Grace", "Seán", "Zoë", "Miguel", "Aïcha", "Wei", "Olga", "Ngozi", "Lars"},
	"last":   {"Lovelace", "O'Brien", "D'Angelo", "Müller", "de la Cruz", "Union", "Null", "Drop", "O'Neill", "Nakamura", "van 't Hoff"},
	"street": {"{n} Select Drive", "{n} St. Mary's Rd; rear entrance", "Rue de l'Union {n}", "Hauptstraße {n}a", "{n} King's Cross, Apt #{n}"},
	"sentence": {
		"A sturdy {noun} made of oak; it's shipped within {n} days.", "Please select one of the options, or drop us a line.", "The {noun} isn't {adj}, and it doesn't need to be.",
		"Order by phone, or insert the coupon into the box below.", "Our customers' favourite {noun}: {adj} & {adj}!", "Where can I find the {noun} from the table in section {n}?",
		"Works with Python 3.{n}, Node.js and Go (see the docs).", "Rock 'n' roll since 19{n}.", "She said \"it's {adj}\" -- and left.",
		"Update your account and delete old messages.", "The cat sat on the mat, and the shell was on the beach.", "Price: €{n}.00 (incl. 19% VAT)", "Le produit n'est plus disponible; désolé.",
		"It's 100% {adj} (or your money back).", "Use the curl of the ribbon to tie the {noun}.", "Executive assistant wanted: must be {adj}.", "We've 'or' and 'and' filters now; try them.",
	},
	"noun": {"table", "chair", "group", "union", "system", "script", "key", "cast", "index", "view"}, "adj": {"great", "blue", "null-safe", "new", "small", "primary", "random"},
	"url": {
		"https://api.example.com/v1/{noun}s/{n}?expand=owner&sort=asc", "https://cdn.example.net/img/{uuid}.png?w={n}&h={n}&fit=crop", "https://example.org/search?q={noun}+{noun}&page={n}",
		"http://www.example.com/a/{n}/b.html#section-{n}", "https://user.example.io/@{noun}/{n}?utm_source=news&utm_medium=email", "/v2/{noun}s/{n}/{noun}s?cursor={hash}",
	},
	"email": {"{noun}.{n}@example.com", "o'brien{n}@example.org", "{noun}+{adj}@mail.example"}, "uuid": {"b3b0a1de-52a3-4c57-9d3c-0f2b1a8b{n}", "5f0c9d1e-7a6b-4e2f-8c3d-1b2a3c4d{n}"},
	"date": {"2024-05-01T12:{n}Z", "Wed, 01 May 2024 12:00:00 GMT", "2023-11-{n}", "2024-W{n}"}, "sku": {"AB-{n}", "ZX/{n}/{n}", "SKU#{n}"}, "phone": {"+49 30 {n}", "(555) 010-{n}", "020 7946 {n}"},
	"status": {"shipped", "pending", "open", "closed", "EUR", "en-GB", "true", "N/A", "deleted", "application/json", "image/webp"},
	"commit": {"Fix null pointer in {noun} (#{n})", "Merge branch 'main' into feature/{noun}-{n}", "feat({noun}): select from {noun} by id", "Drop table support; update docs", "Revert \"{adj} {noun}\""},
	"markdown": {
		"# {noun}\n\nInstall with `npm install {noun}` and see the [docs](https://example.com/{n}).\n\n- {adj}\n- {adj}", "**Note:** {sentence}", "> {sentence}\n\nThanks, @{noun}!",
	},
	"agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0 Safari/537.36", "curl/8.{n}", "okhttp/4.{n}"},
	"hash":  {"d41d8cd98f00b204e9800998ecf8{n}", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b{n}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{n}In0.dBjftJeZ4CVP", "W/\"{n}-abc\""},
	"price": {"{n}.99", "EUR {n}", "${n}.00", "-{n}%"}, "path": {"src/{noun}/{noun}_test.go", "docs/{noun}/index.html", "C:\\Users\\{noun}\\Documents\\{n}.docx", "/usr/share/{noun}/{n}"},
}

// hardText is honest text that is nearly what it is taken for. Its figure stands apart, as in icapd scan --eval.
var hardText = []string{
	"5 > 3, and 2 < 4: that's a {adj} {noun}.", "To list them, run: SELECT id, name FROM {noun}s WHERE id > {n} ORDER BY name;", "Escape it: O'Brien becomes O''Brien; then it's fine.",
	"Write <script> tags at the end of the body, and use onclick=\"go()\" sparingly.", "Install with: curl -fsSL https://example.com/install.sh | sh", "if (a == 1 || b == 1) { return {n}; }",
	"Use ../{noun}/index.html to link to the other folder.", "In Jinja, {{ {noun} }} prints a value; {% if %} tests one.", "Visit http://localhost:{n}/ once the server runs.",
	"=SUM(A1:A{n})", "Ignore the previous e-mail; the instructions in it were for last year's {noun}.", "The prompt said: you are a helpful assistant.",
}

// shapes are records of APIs: templates of strings, bounds of numbers, lists of one kind of element.
var shapes = []any{
	map[string]any{ // an order
		"id": 1 << 30, "number": "{sku}", "customer": map[string]any{"name": "{person}", "email": "{email}", "phone": "{phone}"}, "created_at": "{date}", "status": "{status}", "note": "{sentence}",
		"lines": []any{map[string]any{"sku": "{sku}", "title": "{adj} {noun}", "quantity": 9, "price": 99.0, "taxable": true}}, "shipping_address": map[string]any{"street": "{street}", "zip": "{n}", "country": "DE"},
	},
	map[string]any{ // a repository
		"id": 1 << 30, "node_id": "{hash}", "full_name": "{noun}/{noun}", "private": true, "owner": map[string]any{"login": "{noun}{n}", "avatar_url": "{url}", "html_url": "{url}", "type": "User"}, "description": "{sentence}",
		"url": "{url}", "clone_url": "https://example.com/{noun}/{noun}.git", "created_at": "{date}", "size": 1 << 16, "stargazers_count": 9000, "topics": []any{"{noun}"}, "default_branch": "main", "license": nil,
	},
	map[string]any{ // a place
		"type": "Feature", "geometry": map[string]any{"type": "Point", "coordinates": []any{180.0}}, "properties": map[string]any{"name": "{street}", "elevation": 4000.0, "population": 1 << 20, "kind": "{noun}"},
	},
	map[string]any{ // the weather
		"dt": 1 << 30, "temp": 40.0, "feels_like": 40.0, "pressure": 1100, "humidity": 100, "wind": map[string]any{"speed": 30.0, "deg": 360}, "weather": []any{map[string]any{"id": 900, "main": "Clouds", "description": "broken clouds", "icon": "04d"}},
	},
	map[string]any{ // an event of a log
		"@timestamp": "{date}", "level": "info", "logger": "com.example.{noun}", "message": "{sentence}", "trace_id": "{hash}", "http": map[string]any{"method": "GET", "path": "{url}", "status": 599, "duration_ms": 900.0, "user_agent": "{agent}"},
	},
	map[string]any{ // an article
		"slug": "{noun}-{n}", "title": "{sentence}", "author": "{person}", "published": "{date}", "tags": []any{"{adj} {noun}"}, "excerpt": "{sentence} {sentence}", "body": "{markdown}\n\n{sentence} {sentence} {sentence}", "likes": 900,
	},
	map[string]any{ // a change
		"sha": "{hash}", "commit": map[string]any{"message": "{commit}", "author": map[string]any{"name": "{person}", "email": "{email}", "date": "{date}"}}, "files": []any{map[string]any{"filename": "{path}", "additions": 99, "deletions": 99, "status": "modified"}},
	},
	map[string]any{ // a payment
		"id": "ch_{n}{n}", "object": "charge", "amount": 100_000, "currency": "eur", "captured": true, "billing_details": map[string]any{"name": "{person}", "email": "{email}"}, "receipt_url": "{url}", "metadata": map[string]any{"order": "{sku}"}, "outcome": map[string]any{"risk_score": 100, "seller_message": "Payment complete."},
	},
}
