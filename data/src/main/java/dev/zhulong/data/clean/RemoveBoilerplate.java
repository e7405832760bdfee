package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;

/**
 * Removes the lines of a web page that belong to the site and not to the text: cookie and JavaScript notices, policy links (after C4,
 * Raffel et al. 2020, section 2.2), share buttons, registration numbers, and navigation bars. Works on prose only, on lines of up to
 * 200 characters. Single navigation words ("Home", "Login") go only where three or more stand together.
 */
public record RemoveBoilerplate(Function<Document, Profile> profile) implements CleaningStep {

    private static final int MAX_LINE = 200;
    private static final int MIN_NAVIGATION = 3;

    private static final List<String> PHRASES = List.of("we use cookies", "site uses cookies", "website uses cookies",
            "accept all cookies", "accept cookies", "use of cookies", "cookie settings", "cookie policy", "privacy policy",
            "terms of use", "terms of service", "enable javascript", "javascript is disabled", "javascript is required",
            "javascript must be enabled", "javascript is not enabled", "skip to content", "skip to main content",
            "subscribe to our newsletter", "sign up for our newsletter", "share on facebook", "share on twitter", "follow us on",
            "all rights reserved", "click here to subscribe", "add to cart", "verwendet cookies", "cookie-einstellungen",
            "alle rechte vorbehalten", "utilise des cookies", "tous droits réservés", "utiliza cookies", "todos los derechos reservados",
            "todos os direitos reservados", "utilizza i cookie", "gebruikt cookies", "使用cookie", "使用 cookie", "启用javascript",
            "启用 javascript", "版权所有", "icp备", "icp证", "公网安备", "返回顶部", "扫码关注", "扫一扫关注", "分享到微信", "点击此处登录", "设为首页", "加入收藏");

    private static final Set<String> NAVIGATION = Set.of("home", "about", "about us", "contact", "contact us", "login", "log in",
            "sign in", "sign up", "register", "search", "menu", "blog", "news", "faq", "help", "sitemap", "site map", "products",
            "services", "shop", "cart", "account", "my account", "careers", "jobs", "press", "privacy", "terms", "imprint", "next",
            "previous", "share", "tweet", "print", "back to top", "read more", "advertisement", "subscribe", "rss", "legal", "cookies",
            "support", "download", "downloads", "startseite", "kontakt", "impressum", "datenschutz", "anmelden", "accueil", "connexion",
            "inicio", "contacto", "contato", "首页", "登录", "注册", "搜索", "上一页", "下一页", "上一篇", "下一篇", "关于我们", "联系我们", "帮助", "新闻", "产品", "产品中心",
            "新闻中心", "服务", "返回", "更多", "登入", "网站地图", "免责声明", "友情链接", "加入我们");

    private enum Kind { TEXT, BLANK, NAVIGATION, BOILERPLATE }

    public RemoveBoilerplate() {
        this(Profile::of);
    }

    @Override
    public String name() {
        return "boilerplate";
    }

    @Override
    public Decision apply(Document document) {
        if (profile.apply(document) == Profile.CODE) {
            return new Decision.Keep(document, null);
        }
        String text = document.text();
        var out = new StringBuilder(text.length());
        int removed = 0;
        int at = 0;
        while (at < text.length()) {
            // A group is what lies between two lines of text: it stays the same group when some of its lines go, so one pass is enough.
            int groupEnd = at;
            int navigation = 0;
            int boilerplate = 0;
            while (groupEnd < text.length()) {
                int end = lineEnd(text, groupEnd);
                Kind kind = classify(text, groupEnd, end);
                if (kind == Kind.TEXT) {
                    break;
                }
                navigation += kind == Kind.NAVIGATION ? 1 : 0;
                boilerplate += kind == Kind.BOILERPLATE ? 1 : 0;
                groupEnd = Math.min(end + 1, text.length());
            }
            boolean dropNavigation = navigation >= MIN_NAVIGATION;
            int gone = boilerplate + (dropNavigation ? navigation : 0);
            if (gone == 0) {
                out.append(text, at, groupEnd);
            } else {
                appendRest(text, at, groupEnd, dropNavigation, out);
                removed += gone;
            }
            int end = lineEnd(text, groupEnd);
            end = Math.min(end + 1, text.length());
            out.append(text, groupEnd, end);
            at = end;
        }
        return removed == 0
                ? new Decision.Keep(document, null)
                : new Decision.Keep(new Document(document.id(), out.toString()), removed + " boilerplate line" + (removed == 1 ? "" : "s"));
    }

    /** What stays of a group that loses lines; runs of blank lines left behind shrink to one. */
    private static void appendRest(String text, int from, int to, boolean dropNavigation, StringBuilder out) {
        boolean blank = false;
        for (int at = from; at < to;) {
            int end = lineEnd(text, at);
            int next = Math.min(end + 1, to);
            Kind kind = classify(text, at, end);
            if (kind == Kind.BLANK ? !blank : kind == Kind.NAVIGATION && !dropNavigation) {
                out.append(text, at, next);
                blank = kind == Kind.BLANK;
            }
            at = next;
        }
    }

    private static int lineEnd(String text, int from) {
        int end = text.indexOf('\n', from);
        return end < 0 ? text.length() : end;
    }

    private static Kind classify(String text, int from, int to) {
        int start = Lines.skipSpace(text, from, to);
        int stop = Lines.trimEnd(text, start, to);
        if (start == stop) {
            return Kind.BLANK;
        }
        if (stop - start > MAX_LINE) {
            return Kind.TEXT;
        }
        String line = text.substring(start, stop).toLowerCase(Locale.ROOT);
        if (line.length() <= 24 && NAVIGATION.contains(line)) {
            return Kind.NAVIGATION;
        }
        for (String phrase : PHRASES) {
            if (line.contains(phrase)) {
                return Kind.BOILERPLATE;
            }
        }
        return isNavigationBar(line) ? Kind.BOILERPLATE : Kind.TEXT;
    }

    /** "Home | About | Contact": three items or more, at least two of them known, most of them short. */
    private static boolean isNavigationBar(String line) {
        int items = 0;
        int known = 0;
        int from = 0;
        for (int i = 0; i <= line.length(); i++) {
            if (i < line.length() && "|·»›>•/".indexOf(line.charAt(i)) < 0) {
                continue;
            }
            String item = line.substring(from, i).strip();
            from = i + 1;
            if (item.length() > 24) {
                return false;
            }
            if (!item.isEmpty()) {
                items++;
                known += NAVIGATION.contains(item) ? 1 : 0;
            }
        }
        return items >= MIN_NAVIGATION && known >= 2;
    }
}
