set -euo pipefail
{% for model in params.models %}
echo "building {{ params.target }}.{{ model }} as of {{ ds }}"
{% endfor %}
echo "built {{ params.models | length }} models"
