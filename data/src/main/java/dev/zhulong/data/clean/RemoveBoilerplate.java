package dev.zhulong.data.clean;

import dev.zhulong.data.CleaningStep;
import dev.zhulong.data.Document;
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

    private static final List<String> PHRASES = List.of(
            "we use cookies", "site uses cookies", "website uses cookies", "accept all cookies", "accept cookies", "use of cookies",
            "cookie settings", "cookie policy", "privacy policy", "terms of use", "terms of service", "enable javascript",
            "javascript is disabled", "javascript is required", "javascript must be enabled", "javascript is not enabled",
            "skip to content", "skip to main content", "subscribe to our newsletter", "sign up for our newsletter", "share on facebook",
            "share on twitter", "follow us on", "all rights reserved", "click here to subscribe", "add to cart",
            "verwendet cookies", "cookie-einstellungen", "alle rechte vorbehalten", "utilise des cookies", "tous droits r\u00E9serv\u00E9s",
            "utiliza cookies", "todos los derechos reservados", "todos os direitos reservados", "utilizza i cookie", "gebruikt cookies",
            "\u4F7F\u7528cookie", "\u4F7F\u7528 cookie", "\u542F\u7528javascript", "\u542F\u7528 javascript",
            "\u7248\u6743\u6240\u6709", "icp\u5907", "icp\u8BC1", "\u516C\u7F51\u5B89\u5907", "\u8FD4\u56DE\u9876\u90E8",
            "\u626B\u7801\u5173\u6CE8", "\u626B\u4E00\u626B\u5173\u6CE8", "\u5206\u4EAB\u5230\u5FAE\u4FE1", "\u70B9\u51FB\u6B64\u5904\u767B\u5F55",
            "\u8BBE\u4E3A\u9996\u9875", "\u52A0\u5165\u6536\u85CF");

    private static final Set<String> NAVIGATION = Set.of("home", "about", "about us", "contact", "contact us", "login", "log in", "sign in",
            "sign up", "register", "search", "menu", "blog", "news", "faq", "help", "sitemap", "site map", "products", "services", "shop",
            "cart", "account", "my account", "careers", "jobs", "press", "privacy", "terms", "imprint", "next", "previous", "share", "tweet",
            "print", "back to top", "read more", "advertisement", "subscribe", "rss", "legal", "cookies", "support", "download", "downloads",
            "startseite", "kontakt", "impressum", "datenschutz", "anmelden", "accueil", "connexion", "inicio", "contacto", "contato",
            "\u9996\u9875", "\u767B\u5F55", "\u6CE8\u518C", "\u641C\u7D22", "\u4E0A\u4E00\u9875", "\u4E0B\u4E00\u9875", "\u4E0A\u4E00\u7BC7",
            "\u4E0B\u4E00\u7BC7", "\u5173\u4E8E\u6211\u4EEC", "\u8054\u7CFB\u6211\u4EEC", "\u5E2E\u52A9", "\u65B0\u95FB", "\u4EA7\u54C1",
            "\u4EA7\u54C1\u4E2D\u5FC3", "\u65B0\u95FB\u4E2D\u5FC3", "\u670D\u52A1", "\u8FD4\u56DE", "\u66F4\u591A", "\u767B\u5165",
            "\u7F51\u7AD9\u5730\u56FE", "\u514D\u8D23\u58F0\u660E", "\u53CB\u60C5\u94FE\u63A5", "\u52A0\u5165\u6211\u4EEC");

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
                : new Decision.Keep(new Document(document.id(), out.toString()), removed + (removed == 1 ? " boilerplate line" : " boilerplate lines"));
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
            if (i < line.length() && "|\u00B7\u00BB\u203A>\u2022/".indexOf(line.charAt(i)) < 0) {
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
