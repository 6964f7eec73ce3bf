#include <stint/tests/fuzz/fuzz.h>
#include <stint/tools/data/input_recipe.h>

STINT_FUZZ({
  std::string text(reinterpret_cast<const char*>(data), size);
  auto recipe = stint::parse_recipe(text, "weights");
  if (recipe.height * recipe.width < 10000) stint::apply(recipe, {1, 2, {1, 2, 3, 4, 5, 6}});
})
