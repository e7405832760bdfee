package dev.zhulong.serve;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A form with files (RFC 7578), whole in memory: the server bounds what a request may hold. */
final class FormData {
    static final String TYPE = "multipart/form-data";
    private static final int MOST_PARTS = 64;
    private static final int HEADER_BYTES = 8 << 10;
    private static final Pattern BOUNDARY = Pattern.compile("(?i);\\s*boundary=(?:\"([^\"]{1,70})\"|([^\\s;\"]{1,70}))");
    private static final Pattern DISPOSITION = Pattern.compile("(?im)^content-disposition:\\s*form-data\\s*(;.*)$");
    private static final Pattern NAME = Pattern.compile("(?i);\\s*name=(?:\"((?:[^\"\\\\]|\\\\.)*)\"|([^\\s;\"]+))");

    private final Map<String, List<byte[]>> fields = new LinkedHashMap<>();

    private FormData() {}

    /**
     * Takes a form apart.
     *
     * @param type  of the body, which names what stands between its parts
     * @throws ApiException where the body is no whole form
     */
    static FormData of(String type, byte[] body) {
        Matcher boundary = BOUNDARY.matcher(type);
        if (!type.regionMatches(true, 0, TYPE, 0, TYPE.length()) || !boundary.find()) {
            throw ApiException.of(415, "invalid_request_error", "unsupported_media_type", "send a form with Content-Type: " + TYPE + "; boundary=…");
        }
        byte[] between = ("--" + (boundary.group(1) != null ? boundary.group(1) : boundary.group(2))).getBytes(StandardCharsets.ISO_8859_1);
        var form = new FormData();
        int at = find(body, between, 0);
        if (at < 0) {
            throw broken("it has no part");
        }
        while (true) {
            int start = at + between.length;
            if (starts(body, start, "--")) {
                return form;
            }
            // blanks may follow until the line ends
            while (start < body.length && (body[start] == ' ' || body[start] == '\t')) {
                start++;
            }
            if (!starts(body, start, "\r\n")) {
                throw broken("a part does not begin with a line of its own");
            }
            int next = find(body, concat("\r\n", between), start);
            if (next < 0) {
                throw broken("its end is missing");
            }
            form.add(body, start + 2, next);
            at = next + 2;
        }
    }

    private void add(byte[] body, int from, int to) {
        int blank = starts(body, from, "\r\n") ? from - 2 : find(body, "\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1), from);
        if (blank < 0 || blank > to || blank - from > HEADER_BYTES) {
            throw broken("a part has no end of its headers");
        }
        // browsers send names as UTF-8
        String headers = new String(body, from, Math.max(0, blank - from), StandardCharsets.UTF_8);
        Matcher disposition = DISPOSITION.matcher(headers.replace("\r", ""));
        Matcher name = NAME.matcher(disposition.find() ? disposition.group(1) : "");
        if (!name.find()) {
            throw broken("a part has no name");
        }
        if (fields.values().stream().mapToInt(List::size).sum() >= MOST_PARTS) {
            throw broken("it has more than " + MOST_PARTS + " parts");
        }
        String called = name.group(1) != null ? name.group(1).replaceAll("\\\\(.)", "$1") : name.group(2);
        fields.computeIfAbsent(called, any -> new ArrayList<>()).add(Arrays.copyOfRange(body, Math.min(to, blank + 4), to));
    }

    private static ApiException broken(String why) {
        return ApiException.invalid(null, "the body is no whole form: " + why);
    }

    private static byte[] concat(String before, byte[] bytes) {
        byte[] head = before.getBytes(StandardCharsets.ISO_8859_1);
        byte[] all = Arrays.copyOf(head, head.length + bytes.length);
        System.arraycopy(bytes, 0, all, head.length, bytes.length);
        return all;
    }

    private static boolean starts(byte[] body, int at, String with) {
        for (int i = 0; i < with.length(); i++) {
            if (at + i >= body.length || body[at + i] != with.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static int find(byte[] body, byte[] what, int from) {
        for (int i = Math.max(0, from); i <= body.length - what.length; i++) {
            if (body[i] == what[0] && Arrays.equals(body, i, i + what.length, what, 0, what.length)) {
                return i;
            }
        }
        return -1;
    }

    /** Bytes of a file. @throws ApiException where it is missing */
    byte[] file(String name) {
        List<byte[]> parts = fields.get(name);
        if (parts == null || parts.getFirst().length == 0) {
            throw ApiException.invalid(name, name + " is missing: send it as a part of the form");
        }
        return parts.getFirst();
    }

    /** A text; {@code absent} where there is none. @throws ApiException where it is no UTF-8 */
    String text(String name, String absent) {
        List<byte[]> parts = fields.get(name);
        return parts == null ? absent : utf8(name, parts.getFirst());
    }

    /** All texts of a name, or of that name with brackets. */
    List<String> texts(String name) {
        List<String> all = new ArrayList<>();
        for (String each : List.of(name, name + "[]")) {
            fields.getOrDefault(each, List.of()).forEach(bytes -> all.add(utf8(each, bytes)));
        }
        return all;
    }

    private static String utf8(String name, byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw ApiException.invalid(Json.shortened(name), Json.shortened(name) + " is not UTF-8");
        }
    }

    /** A number. @throws ApiException where it is none, or outside of the bounds */
    double number(String name, double least, double most, double absent) {
        String text = text(name, null);
        if (text == null || text.isBlank()) {
            return absent;
        }
        try {
            double value = Double.parseDouble(text.strip());
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw ApiException.invalid(name, name + " must be a number from " + least + " to " + most + ", found " + Json.shortened(text));
    }

    /** One of some words. @throws ApiException where it is another */
    String oneOf(String name, List<String> words, String absent) {
        String text = text(name, absent);
        if (!words.contains(text)) {
            throw ApiException.invalid(name, name + " must be one of " + String.join(", ", words) + ", found " + Json.shortened(text));
        }
        return text;
    }
}
