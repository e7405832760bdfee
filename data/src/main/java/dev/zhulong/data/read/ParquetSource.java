package dev.zhulong.data.read;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Whole rows of a Parquet file, with lists, structs and maps of any depth. */
final class ParquetSource extends RowSource {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final ParquetFile file;

    ParquetSource(Path path, String id, RowReport report) throws IOException {
        super(id, report);
        file = new ParquetFile(path, null);
    }

    @Override
    ObjectNode next() throws IOException {
        RowReader rows = file.next();
        if (rows == null) {
            return null;
        }
        begin(number() + 1);
        return struct(rows);
    }

    private ObjectNode struct(StructAccessor from) {
        ObjectNode to = JSON.objectNode();
        for (int i = 0; i < from.getFieldCount(); i++) {
            to.set(from.getFieldName(i), node(from.isNull(i) ? null : from.getValue(i)));
        }
        return to;
    }

    private JsonNode node(Object value) {
        return switch (value) {
            case null -> JSON.nullNode();
            case String text -> JSON.textNode(text);
            case byte[] bytes -> JSON.textNode(text(bytes));
            case Boolean flag -> JSON.booleanNode(flag);
            case Integer n -> JSON.numberNode(n);
            case Long n -> JSON.numberNode(n);
            case Float x -> JSON.numberNode(x);
            case Double x -> JSON.numberNode(x);
            case BigDecimal x -> JSON.numberNode(x);
            case PqStruct inner -> struct(inner);
            case PqList list -> list(list.values());
            case PqMap map -> map(map);
            // dates and the like: their ISO form
            default -> JSON.textNode(value.toString());
        };
    }

    private JsonNode list(List<?> values) {
        var to = JSON.arrayNode(values.size());
        values.forEach(value -> to.add(node(value)));
        return to;
    }

    private JsonNode map(PqMap map) {
        ObjectNode to = JSON.objectNode();
        for (PqMap.Entry entry : map.getEntries()) {
            to.set(String.valueOf(entry.getKey()), node(entry.getValue()));
        }
        return to;
    }

    private String text(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        if (text.indexOf('\uFFFD') >= 0) {
            mended("holds U+FFFD, perhaps in place of malformed UTF-8");
        }
        return text;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
