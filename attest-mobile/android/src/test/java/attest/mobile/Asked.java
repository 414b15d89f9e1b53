package attest.mobile;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Asks the native library and reads what it says, without any class that Android has, too. */
final class Asked {
  static final int EIO = 5;
  static final int EWOULDBLOCK = 11;
  static final int ENOMEM = 12;
  static final int EACCES = 13;
  static final int EINVAL = 22;
  static final int ENOSYS = 38;
  static final int ENOBUFS = 105;

  private final Map<String, Object> answers;

  private Asked(String json) {
    answers = new Json(json).object();
  }

  static Asked of(Context context, String... questions) {
    return new Asked(Development.answer(context, json(questions)));
  }

  static Asked here(Context context, String... questions) {
    return new Asked(Development.answerHere(context, json(questions)));
  }

  /** Questions without any quote or backslash, as a JSON list. */
  static String json(String... questions) {
    List<String> quoted = new ArrayList<>();
    for (String question : questions) {
      quoted.add('"' + question + '"');
    }
    return "[" + String.join(",", quoted) + "]";
  }

  void says(String question, Object expected) {
    assertEquals(question, expected, answer(question));
  }

  void fails(String question, int errno) {
    assertEquals(question, Map.of("error", (long) errno), answer(question));
  }

  void isAbsent(String question) {
    assertEquals(question, null, answer(question));
  }

  void isUnanswered(String question) {
    assertTrue(question, !answers.containsKey(question));
  }

  @SuppressWarnings("unchecked")
  List<String> list(String question) {
    Object answer = answer(question);
    assertTrue(question + ": " + answer, answer instanceof List);
    return (List<String>) answer;
  }

  private Object answer(String question) {
    assertTrue(question + " in " + answers, answers.containsKey(question));
    return answers.get(question);
  }

  /** As much JSON as the library writes. */
  private static final class Json {
    private final String text;
    private int at;

    Json(String text) {
      this.text = text;
    }

    Map<String, Object> object() {
      Map<String, Object> members = new TreeMap<>();
      expect('{');
      while (!taken('}')) {
        String name = string();
        expect(':');
        members.put(name, value());
        taken(',');
      }
      return members;
    }

    private Object value() {
      switch (text.charAt(at)) {
        case '{':
          return object();
        case '[':
          return list();
        case '"':
          return string();
        default:
          return word();
      }
    }

    private List<Object> list() {
      List<Object> items = new ArrayList<>();
      expect('[');
      while (!taken(']')) {
        items.add(value());
        taken(',');
      }
      return items;
    }

    private String string() {
      StringBuilder read = new StringBuilder();
      expect('"');
      while (!taken('"')) {
        char next = text.charAt(at++);
        if (next == '\\') {
          next = text.charAt(at++);
          if (next == 'n') {
            next = '\n';
          }
        }
        read.append(next);
      }
      return read.toString();
    }

    private Object word() {
      int start = at;
      while (at < text.length() && ",]}".indexOf(text.charAt(at)) < 0) {
        at++;
      }
      String word = text.substring(start, at);
      if (Arrays.asList("true", "false").contains(word)) {
        return Boolean.valueOf(word);
      }
      return word.equals("null") ? null : (Object) Long.valueOf(word);
    }

    private void expect(char wanted) {
      assertTrue(text + " at " + at, taken(wanted));
    }

    private boolean taken(char wanted) {
      boolean found = text.charAt(at) == wanted;
      at += found ? 1 : 0;
      return found;
    }
  }
}
