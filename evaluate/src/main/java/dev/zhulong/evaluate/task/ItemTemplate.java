package dev.zhulong.evaluate.task;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.text.chat.jinja.Template;
import dev.zhulong.text.chat.jinja.TemplateException;
import dev.zhulong.text.chat.jinja.Text;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A text of a task with the fields of a row put in. */
public final class ItemTemplate {
    private static final Pattern NAMED = Pattern.compile("\\{\\{-?\\s*([A-Za-z_]\\w*)(?!\\w*\\s*\\()");
    private static final Pattern SET = Pattern.compile("\\{%-?\\s*(?:for|set)\\s+([A-Za-z_]\\w*)(?:\\s*,\\s*([A-Za-z_]\\w*))?");
    private static final Set<String> OWN = Set.of("row", "file", "loop", "none", "true", "false", "None", "True", "False", "not");

    private final String field;
    private final Template template;
    private final Set<String> names = new TreeSet<>();

    /**
     * @param field what the task calls it, for messages
     * @throws IllegalArgumentException where the source is no template
     */
    public ItemTemplate(String field, String source) {
        this.field = field;
        try {
            template = Template.parse(source);
        } catch (TemplateException e) {
            throw new IllegalArgumentException(field + ": " + e.getMessage(), e);
        }
        Matcher named = NAMED.matcher(source);
        while (named.find()) {
            names.add(named.group(1));
        }
        Set<String> bound = new HashSet<>(OWN);
        Matcher set = SET.matcher(source);
        while (set.find()) {
            bound.add(set.group(1));
            bound.add(set.group(2));
        }
        names.removeAll(bound);
    }

    /** @throws IllegalArgumentException where the row has not what the template names, or the template goes wrong */
    public String render(Item item) {
        return render(item.id(), item.row(), item.file());
    }

    String render(String id, ObjectNode row, String file) {
        for (String name : names) {
            if (!row.has(name)) {
                // an undefined name would render as nothing, and the model would be asked something else
                throw new IllegalArgumentException(field + " names '" + name + "', but " + id + " has " + String.join(", ", fields(row)));
            }
        }
        Map<String, Object> variables = new LinkedHashMap<>();
        row.properties().forEach(e -> variables.put(e.getKey(), Template.value(e.getValue())));
        variables.put("row", Template.value(row));
        variables.put("file", Text.of(file));
        try {
            // a question must not depend on the day it is asked
            return template.render(variables, () -> LocalDateTime.of(2000, 1, 1, 0, 0)).toString();
        } catch (TemplateException e) {
            throw new IllegalArgumentException(field + ", " + id + ": " + e.getMessage(), e);
        }
    }

    private static List<String> fields(ObjectNode row) {
        List<String> names = new ArrayList<>();
        row.fieldNames().forEachRemaining(names::add);
        return names;
    }

    /**
     * The strings that a field lists.
     *
     * @param path names with dots between them; an object of lists is entered by name
     * @throws IllegalArgumentException where there is no such list, or it is empty
     */
    public static List<String> list(String field, String path, Item item) {
        JsonNode at = item.row();
        for (String name : path.split("\\.")) {
            at = at.path(name);
        }
        if (!at.isArray() || at.isEmpty()) {
            throw new IllegalArgumentException(field + ": " + item.id() + " has no list '" + path + "'; it has " + String.join(", ", fields(item.row())));
        }
        List<String> all = new ArrayList<>();
        for (JsonNode value : at) {
            if (!value.isValueNode() || value.isNull()) {
                throw new IllegalArgumentException(field + ": " + item.id() + " has " + value.getNodeType().name().toLowerCase(Locale.ROOT)
                        + " where '" + path + "' should list texts");
            }
            all.add(value.asText());
        }
        return all;
    }
}
