package dev.zhulong.formats.yaml;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What reflection knows about a recipe's record: its fields by their names in YAML, its defaults, how to make one. */
record RecordShape(Class<?> type, Map<String, RecordComponent> fields) {

    static RecordShape of(Class<?> type) {
        Map<String, RecordComponent> fields = new LinkedHashMap<>();
        for (RecordComponent component : type.getRecordComponents()) {
            fields.put(Names.field(component.getName()), component);
        }
        return new RecordShape(type, fields);
    }

    /** The result of {@code static T defaults()}, or null where the record has none. */
    Object defaults() {
        try {
            Method defaults = type.getDeclaredMethod("defaults");
            if (!Modifier.isStatic(defaults.getModifiers()) || defaults.getReturnType() != type) {
                return null;
            }
            defaults.setAccessible(true);
            return defaults.invoke(null);
        } catch (NoSuchMethodException e) {
            return null;
        } catch (InvocationTargetException e) {
            throw new IllegalStateException(type.getName() + ".defaults() fails: " + e.getCause(), e.getCause());
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("can't call " + type.getName() + ".defaults()", e);
        }
    }

    /** The value of one field in a record of this shape. */
    static Object value(RecordComponent component, Object instance) {
        try {
            Method accessor = component.getAccessor();
            accessor.setAccessible(true);
            return accessor.invoke(instance);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("can't read " + component, e);
        }
    }

    /** Calls the canonical constructor; what it throws comes out as it is. */
    Object make(List<Object> values) {
        Class<?>[] types = Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(values.toArray());
        } catch (InvocationTargetException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                default -> throw new IllegalStateException(e.getCause());
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("can't make a " + type.getName(), e);
        }
    }

    /** The class behind a type, generic or not. */
    static Class<?> raw(Type type) {
        return type instanceof ParameterizedType p ? (Class<?>) p.getRawType() : (Class<?>) type;
    }

    /** The n-th type argument. */
    static Type argument(Type type, int n) {
        return ((ParameterizedType) type).getActualTypeArguments()[n];
    }

    /** Paths, from this record down, that end in a field of this name; lists and maps are not entered. */
    List<String> pathsTo(String name) {
        List<String> found = new ArrayList<>();
        pathsTo(name, "", new ArrayList<>(), found);
        return found;
    }

    private void pathsTo(String name, String path, List<Class<?>> above, List<String> found) {
        if (above.contains(type)) {
            return;
        }
        above.add(type);
        fields.forEach((field, component) -> {
            if (field.equals(name)) {
                found.add(path + field);
            }
            Type inner = component.getGenericType();
            if (raw(inner) == Optional.class) {
                inner = argument(inner, 0);
            }
            if (raw(inner).isRecord()) {
                of(raw(inner)).pathsTo(name, path + field + ".", above, found);
            }
        });
        above.removeLast();
    }
}
